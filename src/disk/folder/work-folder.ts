import { constants, readlinkSync } from 'node:fs'
import { type FileHandle, open, opendir, rmdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { VdcError } from '../../core/errors.ts'
import { isAlive } from '../../core/is-alive.ts'
import { notWritten } from '../file/write-error.ts'
import type { OutputPlace } from '../make/output-place.ts'
import { FOLDER, heldPath, holding, NEW_FILE } from '../remove/held.ts'
import { isPrivate, makePrivateFolder, type PrivateFolder, removePrivateFolder } from './private-folder.ts'

/** The start of the name of each work folder. The rest identifies the process that uses it. */
const PREFIX = '.vdc-manage-work'
/** The start of the name of each folder with a partial download. The rest identifies the download and the process. */
export const PARTIAL_PREFIX = '.vdc-manage-partial'
/**
 * The first file in each work folder. It is created with O_EXCL, so that two processes never
 * share a folder, even if another user swaps folders. Its text identifies the process that
 * created the folder, so that another folder of root, renamed by another user, is not taken
 * for a left-over.
 */
const MARK = '.vdc-manage-work'
/** Entries of a folder that are searched for left-overs at most: another user's folder may have millions. */
const MOST_ENTRIES = 100_000
/** Bytes of a mark that are read. */
const MARK_LIMIT = 1024

/**
 * Creates a work folder in the folder of the result, so on the same filesystem, runs `work`,
 * and removes the work folder in any case. Also removes work folders that killed processes
 * left. `work` may create only regular files in it.
 *
 * @throws VdcError FILE_NOT_WRITTEN; errors of `work`.
 */
export async function withWorkFolder<T>(place: OutputPlace, work: (folder: PrivateFolder) => Promise<T>): Promise<T> {
  await removeLeftOvers(place.folder)
  const maker = ourName()
  const folder = await attempt(place, () =>
    makePrivateFolder(place.folder, `${[PREFIX, ...maker].join('.')}.`, dirname(place.path)),
  )
  return holding(folder.handle, async () => {
    try {
      await attempt(place, () => writeMark(folder, maker))
      return await work(folder)
    } finally {
      await removePrivateFolder(place.folder, folder, MARK)
    }
  })
}

/** Returns true if a name is the name of a work folder, or of a folder with a partial download. */
export function isWorkFolder(name: string): boolean {
  return name.startsWith(`${PREFIX}.`) || name.startsWith(`${PARTIAL_PREFIX}.`)
}

async function attempt<T>({ path }: OutputPlace, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof VdcError ? error : notWritten(path, error)
  }
}

/** Returns the host name, the PID namespace and the PID of this process. */
export function ourName(): [host: string, namespace: string, pid: string] {
  const namespace = /[0-9]+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'
  return [hostname().replaceAll(/[^\w-]/g, '_'), namespace, String(process.pid)]
}

async function writeMark(folder: PrivateFolder, maker: readonly string[]): Promise<void> {
  await holding(await open(`${folder.path}/${MARK}`, NEW_FILE, 0o600), (mark) => mark.writeFile(maker.join(' ')))
}

/** Reads from its mark which process created a folder: empty if it was killed before it wrote the mark, undefined without a mark. */
async function readMark(folder: PrivateFolder): Promise<string[] | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const mark = await open(`${folder.path}/${MARK}`, flags).catch(() => undefined)
  if (mark === undefined) return undefined
  return holding(mark, async () => {
    const { buffer, bytesRead } = await mark.read(Buffer.alloc(MARK_LIMIT), 0, MARK_LIMIT, 0)
    return bytesRead === 0 ? [] : buffer.toString('latin1', 0, bytesRead).split(' ')
  })
}

async function removeLeftOvers(parent: FileHandle): Promise<void> {
  let looked = 0
  try {
    for await (const { name } of await opendir(heldPath(parent))) {
      if (++looked > MOST_ENTRIES) return
      if (isLeftOver(/^\.vdc-manage-work\.([\w-]+)\.([0-9]+)\.([0-9]+)\.\w+$/.exec(name)?.slice(1)))
        await removeLeftOver(parent, name)
    }
  } catch {
    // The conversion itself reports errors of the folder.
  }
}

/** Returns true if a folder was created by a process of this host that no longer exists. */
function isLeftOver([madeOn, madeIn, pid]: readonly string[] = []): boolean {
  const [host, namespace] = ourName()
  return madeOn === host && madeIn === namespace && !isAlive(Number(pid))
}

/** Removes a folder that has the name of a left-over, if it is one. */
async function removeLeftOver(parent: FileHandle, name: string): Promise<void> {
  const handle = await open(`${heldPath(parent)}/${name}`, FOLDER).catch(() => undefined)
  if (handle === undefined) return
  await holding(handle, async () => {
    const [stats, around] = await Promise.all([handle.stat({ bigint: true }), parent.stat({ bigint: true })])
    if (!isPrivate(stats, around)) return
    const folder = { handle, name, path: heldPath(handle) }
    const maker = await readMark(folder)
    // Without a mark, the folder is removed only if it is empty.
    if (maker === undefined) await rmdir(`${heldPath(parent)}/${name}`).catch(() => {})
    else if (maker.length === 0 || isLeftOver(maker)) await removePrivateFolder(parent, folder, MARK)
  })
}
