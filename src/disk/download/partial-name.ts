import { readFileSync } from 'node:fs'
import { isAlive } from '../../core/is-alive.ts'
import { ourName, PARTIAL_PREFIX } from '../folder/work-folder.ts'

/** The parts of the name of a folder with a partial download. */
interface PartialName {
  key: string
  host: string
  namespace: string
  /** The PID of the process that uses it, 0 for none. */
  pid: string
  /** When that process started. */
  start: string
  random: string
}

/** Returns the start of the name of a folder that this process uses. */
export function nameForUs(key: string): string {
  const [host, namespace, pid] = ourName()
  return [PARTIAL_PREFIX, key, host, namespace, pid, startOf(Number(pid)) ?? '0'].join('.')
}

/** Returns the name of a folder when no process uses it any more. */
export function freeName(name: string): string {
  const { key, host, namespace, random } = parseName(name) as PartialName
  return [PARTIAL_PREFIX, key, host, namespace, '0', '0', random].join('.')
}

/** Parses the name of a partial download of this host; undefined for other names. */
export function parseName(name: string): PartialName | undefined {
  const parts =
    /^\.vdc-manage-partial\.(?<key>[0-9a-f]{16})\.(?<host>[\w-]+)\.(?<namespace>[0-9]+)\.(?<pid>[0-9]+)\.(?<start>[0-9]+)\.(?<random>\w+)$/.exec(
      name,
    )?.groups as unknown as PartialName | undefined
  const [host, namespace] = ourName()
  return parts?.host === host && parts.namespace === namespace ? parts : undefined
}

/** Returns true if a process uses the folder. The PID of one that ended may be that of another by now, which started later. */
export function isUsed({ pid, start }: PartialName): boolean {
  return pid !== '0' && isAlive(Number(pid)) && [start, undefined].includes(startOf(Number(pid)))
}

/** Returns when a process started, in clock ticks since the host did (proc(5)); undefined if that cannot be read. */
function startOf(pid: number): string | undefined {
  try {
    // The name of the program, in parentheses, may contain anything.
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[19]
  } catch {
    return undefined
  }
}
