import { constants, readlinkSync } from 'node:fs'
import { type FileHandle, mkdtemp, open, readdir, rmdir, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname } from 'node:path'
import { notWritten } from './not-written.ts'

/** Begins the name of every such folder; what follows names the process that works in it. */
const PREFIX = '.vdc-manage-work'
const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

/**
 * A folder to work in, and the one that it is in. Both are held open and reached
 * through that: whoever owns the outer one may rename what is in it, or put links
 * in its place.
 */
export interface WorkFolder {
  handle: FileHandle
  /** Of the folder, for this process. */
  path: string
  /** Of the folder that it is in, for this process. */
  parentPath: string
}

/**
 * Makes a folder for `work` beside its result, so on the same filesystem, and
 * removes it whatever happens. Folders that a killed process left are removed as
 * well. It holds plain files only.
 *
 * @param result path that the result is to have.
 * @throws VdcError FILE_NOT_WRITTEN.
 */
export async function withWorkFolder<T>(result: string, work: (folder: WorkFolder) => Promise<T>): Promise<T> {
  const parent = await open(dirname(result), FOLDER).catch((error) => {
    throw notWritten(result, error)
  })
  try {
    const parentPath = pathOf(parent)
    await removeLeftOvers(parentPath)
    const made = await mkdtemp(`${parentPath}/${[PREFIX, ...ourName()].join('.')}.`).catch((error) => {
      throw notWritten(result, error)
    })
    const handle = await open(made, FOLDER)
    try {
      return await work({ handle, path: pathOf(handle), parentPath })
    } finally {
      await removeFolder(handle, made)
    }
  } finally {
    await parent.close()
  }
}

/** Says whether a folder's name is that of such a folder. */
export function isWorkFolder(name: string): boolean {
  return name.startsWith(`${PREFIX}.`)
}

function pathOf(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`
}

/** The host, the namespace of its processes, and the process. */
function ourName(): [host: string, namespace: string, pid: string] {
  const namespace = /[0-9]+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'
  return [hostname().replaceAll(/[^\w-]/g, '_'), namespace, String(process.pid)]
}

async function removeLeftOvers(parentPath: string): Promise<void> {
  const [host, namespace] = ourName()
  for (const name of await readdir(parentPath).catch(() => [])) {
    const [, madeOn, madeIn, pid] = /^\.vdc-manage-work\.([\w-]+)\.([0-9]+)\.([0-9]+)\.\w+$/.exec(name) ?? []
    if (madeOn !== host || madeIn !== namespace || isAlive(Number(pid))) continue
    const path = `${parentPath}/${name}`
    const handle = await open(path, FOLDER).catch(() => undefined)
    if (handle !== undefined) await removeFolder(handle, path)
  }
}

/** Removes a folder of ours with the files in it, nothing below and nothing that links name, and closes it. */
async function removeFolder(handle: FileHandle, path: string): Promise<void> {
  try {
    const { uid, mode } = await handle.stat()
    if (uid !== process.geteuid?.() || (mode & 0o777) !== 0o700) return
    for (const name of await readdir(pathOf(handle)))
      await unlink(`${pathOf(handle)}/${basename(name)}`).catch(() => {})
    await rmdir(path).catch(() => {})
  } finally {
    await handle.close()
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
