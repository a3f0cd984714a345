import { constants, readlinkSync } from 'node:fs'
import { type FileHandle, open, opendir, rmdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { VdcError } from '../../core/errors.ts'
import { notWritten } from '../file/write-error.ts'
import type { OutputPlace } from '../make/output-place.ts'
import { FOLDER, heldPath, holding, NEW_FILE } from '../remove/held.ts'
import { isPrivate, makePrivateFolder, type PrivateFolder, removePrivateFolder } from './private-folder.ts'

/** Begins the name of every work folder; what follows names the process that works in it. */
const PREFIX = '.vdc-manage-work'
/**
 * The first file in every work folder. It is made with O_EXCL, so that two
 * processes never share a folder whose name somebody swapped. It also tells a
 * left-over of ours from another folder of root's that somebody renamed: its text
 * says who made it.
 */
const MARK = '.vdc-manage-work'
/** Entries of a folder that are looked at for left-overs: the folder may be a stranger's, with millions. */
const MOST_ENTRIES = 100_000
/** Bytes of a mark that are read. */
const MARK_LIMIT = 1024

/**
 * Makes a folder for `work` beside a result, so on the same filesystem, and
 * removes it whatever happens. Folders that a killed process left are removed as
 * well. It holds plain files only.
 *
 * @throws VdcError FILE_NOT_WRITTEN; what `work` throws.
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

/** Returns whether a name belongs to a work folder. */
export function isWorkFolder(name: string): boolean {
  return name.startsWith(`${PREFIX}.`)
}

async function attempt<T>({ path }: OutputPlace, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof VdcError ? error : notWritten(path, error)
  }
}

/** The host, the namespace of its processes, and the process. */
function ourName(): [host: string, namespace: string, pid: string] {
  const namespace = /[0-9]+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'
  return [hostname().replaceAll(/[^\w-]/g, '_'), namespace, String(process.pid)]
}

async function writeMark(folder: PrivateFolder, maker: readonly string[]): Promise<void> {
  await holding(await open(`${folder.path}/${MARK}`, NEW_FILE, 0o600), (mark) => mark.writeFile(maker.join(' ')))
}

/** The maker of a folder, by its mark: empty if it was killed before it wrote that, undefined if there is no mark. */
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
    // Another conversion reports what is wrong with the folder, if anything is.
  }
}

/** Whether a process of this host that made something is gone. */
function isLeftOver([madeOn, madeIn, pid]: readonly string[] = []): boolean {
  const [host, namespace] = ourName()
  return madeOn === host && madeIn === namespace && !isAlive(Number(pid))
}

/** Removes a folder with the name of a left-over, if it is one. */
async function removeLeftOver(parent: FileHandle, name: string): Promise<void> {
  const handle = await open(`${heldPath(parent)}/${name}`, FOLDER).catch(() => undefined)
  if (handle === undefined) return
  await holding(handle, async () => {
    const [stats, around] = await Promise.all([handle.stat({ bigint: true }), parent.stat({ bigint: true })])
    if (!isPrivate(stats, around)) return
    const folder = { handle, name, path: heldPath(handle) }
    const maker = await readMark(folder)
    // Without a mark it goes only if it is empty.
    if (maker === undefined) await rmdir(`${heldPath(parent)}/${name}`).catch(() => {})
    else if (maker.length === 0 || isLeftOver(maker)) await removePrivateFolder(parent, folder, MARK)
  })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
