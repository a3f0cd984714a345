import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { notWritten } from './not-written.ts'

/** Begins the name of every such folder; what follows names who works in it. */
const PREFIX = '.vdc-manage-work.'

/**
 * Makes a folder for `work` beside its result, so on the same filesystem, and
 * removes it whatever happens. Folders that a killed process left are removed as
 * well: a name holds the host and the process that made it.
 *
 * @param result path that the result is to have.
 * @throws VdcError FILE_NOT_WRITTEN.
 */
export async function withWorkFolder<T>(result: string, work: (folder: string) => Promise<T>): Promise<T> {
  const parent = dirname(result)
  const host = hostname().replaceAll(/[^\w-]/g, '_')
  await removeLeftOvers(parent, host)
  const folder = await mkdtemp(join(parent, `${PREFIX}${host}.${process.pid}.`)).catch((error) => {
    throw notWritten(result, error)
  })
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function removeLeftOvers(parent: string, host: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const [, madeOn, pid] = /^\.vdc-manage-work\.([\w-]+)\.([0-9]+)\.\w+$/.exec(name) ?? []
    if (madeOn !== host || isAlive(Number(pid))) continue
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => {})
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
