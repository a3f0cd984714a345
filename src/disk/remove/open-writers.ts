import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import type { ImageFile } from '../file/image-file.ts'

/*
 * Finds processes that have a file open or mapped for writing: proc(5), /proc/PID/fd,
 * fdinfo, maps and map_files. Writes through an existing mapping don't change the file's times;
 * on most filesystems, a new mapping does. Files are identified by device and inode, because
 * they may be open under another name.
 */

const WRITE_MODES = 0o3
/** The mode bit of a link in map_files whose file was opened for writing. */
const OPENED_TO_WRITE = 0o200
const PID = /^[0-9]+$/

/** Returns true if users other than root and this one may write to a file, judging by owner and mode. */
export function isWritableByOthers({ opened: { uid, mode } }: ImageFile): boolean {
  return (mode & 0o022n) !== 0n || (uid !== 0n && uid !== BigInt(process.geteuid?.() ?? -1))
}

/**
 * Returns true if another process of this host has a file open for writing. Only root can
 * see all processes.
 */
export function hasWriters(file: ImageFile): boolean {
  const pids = (attempt(() => readdirSync('/proc')) ?? []).filter((name) => PID.test(name))
  return pids.some((pid) => {
    if (pid === String(process.pid)) return false
    const seen = livingThread(pid)
    return holdsOpen(seen, file) || holdsMapped(seen, file)
  })
}

/** The folder of a process or thread in /proc, and its mappings. */
interface Seen {
  path: string
  maps: string
}

/** Returns a thread of a process that is alive: if the first thread has ended, /proc/PID shows no details. */
function livingThread(pid: string): Seen {
  const look = (path: string): Seen => ({ path, maps: attempt(() => readFileSync(`${path}/maps`, 'utf8')) ?? '' })
  const first = look(`/proc/${pid}`)
  if (first.maps !== '') return first
  const others = (attempt(() => readdirSync(`/proc/${pid}/task`)) ?? []).filter((thread) => thread !== pid)
  for (const thread of others) {
    const other = look(`/proc/${thread}`)
    if (other.maps !== '') return other
  }
  return first
}

function holdsOpen({ path }: Seen, { opened }: ImageFile): boolean {
  const descriptors = attempt(() => readdirSync(`${path}/fd`)) ?? []
  return descriptors.some((descriptor) => {
    const stats = attempt(() => statSync(`${path}/fd/${descriptor}`, { bigint: true }))
    if (stats?.ino !== opened.ino || stats.dev !== opened.dev) return false
    const info = attempt(() => readFileSync(`${path}/fdinfo/${descriptor}`, 'latin1')) ?? ''
    const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '0', 8)
    return (flags & WRITE_MODES) !== 0
  })
}

function holdsMapped({ path, maps }: Seen, { opened }: ImageFile): boolean {
  // Fields: address, permissions, offset, device, inode, name. A shared mapping without `w` may become writable again.
  return maps.split('\n').some((line) => {
    const [, range = '', inode = ''] = /^(\S+) ..[-x]s \S+ \S+ ([1-9][0-9]*)/.exec(line) ?? []
    if (range === '') return false
    const link = `${path}/map_files/${range.replaceAll(/(?<=^|-)0+(?=[0-9a-f])/g, '')}`
    const stats = attempt(() => statSync(link, { bigint: true }))
    // On some filesystems, the device in `maps` differs from that of stat(2).
    if (stats === undefined) return inode === String(opened.ino)
    if (stats.ino !== opened.ino || stats.dev !== opened.dev) return false
    const mode = attempt(() => lstatSync(link).mode)
    return mode === undefined || (mode & OPENED_TO_WRITE) !== 0
  })
}

/** Returns undefined if a process has ended in the meantime, or this user may not see it. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
