import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { openStateFolder, requireOurs, stateFolderPath } from './state-folder.ts'
import { systemFolderOf } from './system-folders.ts'

/*
 * Which folders of this host hold images, as its operators said: a registry is no
 * authority for that, as its rows may come from anywhere (decision 14). A file in
 * the state folder has a line of JSON for each folder that was added or removed,
 * the last one counts. It is only ever appended to, so that processes need no lock.
 */

const NAME = 'image-folders'
/** Bytes of the file that are read at most. */
const LARGEST = 16 * 1024 * 1024

/** A folder that holds images. */
export interface ImageFolder {
  /** Real path. */
  path: string
  /** Whether files in folders below it count too. Otherwise those directly in it count, unless their names begin with a dot. */
  below: boolean
  /** ISO 8601 UTC. */
  addedAt: string
}

/** The folders of this host that hold images. */
export class ImageFolders {
  readonly #folders: ReadonlyMap<string, ImageFolder>
  /** Why the list cannot be used, if it can't. */
  readonly problem: string | undefined

  constructor(folders: ReadonlyMap<string, ImageFolder>, problem?: string) {
    this.#folders = folders
    this.problem = problem
  }

  /** All of them, by their paths. */
  get all(): ImageFolder[] {
    return [...this.#folders.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
  }

  /**
   * Says whether a folder holds images: it is in the list, or lies below one that counts with all below it.
   *
   * @param options.below whether it must count with all below it itself.
   */
  includes(folder: string, { below }: { below: boolean }): boolean {
    const own = this.#folders.get(folder)
    if (own !== undefined && (own.below || !below)) return true
    return folder !== '/' && this.includes(dirname(folder), { below: true })
  }

  /**
   * Why a file must not be read or removed on behalf of a row.
   *
   * @param real path of the file with its links resolved.
   * @returns undefined if it lies in an image folder.
   */
  whyNot(real: string): string | undefined {
    const folder = dirname(real)
    const system = systemFolderOf(folder)
    if (system !== undefined) return `${folder} is a system folder, which never holds images`
    const isHidden = basename(real).startsWith('.')
    if (this.includes(folder, { below: isHidden })) return undefined
    const trust = `vdc-manage backupstorage trust ${quoted(folder)}`
    const why = this.includes(folder, { below: false })
      ? `${folder} is an image folder of this host for files whose names do not begin with a dot; to make it one for all: ${trust}`
      : `${folder} is not an image folder of this host; to make it one: ${trust}`
    return this.problem === undefined ? why : `${why} (the list of image folders cannot be used: ${this.problem})`
  }
}

/** Reads which folders of this host hold images. A list that cannot be read is empty, and says why. */
export async function readImageFolders(): Promise<ImageFolders> {
  const path = stateFolderPath()
  if (path === undefined) return new ImageFolders(new Map())
  let folder: FileHandle | undefined
  try {
    folder = await openStateFolder(path, { make: false })
    return new ImageFolders(parse(folder === undefined ? '' : await readList(folder, path)))
  } catch (error) {
    return new ImageFolders(new Map(), (error as Error).message)
  } finally {
    await folder?.close()
  }
}

/**
 * Notes that a folder of this host holds images, for good. One that does already changes nothing.
 *
 * @param path real.
 * @throws Error of the system, or one that says why the list cannot be written.
 */
export async function addImageFolder(path: string, { below }: { below: boolean }): Promise<void> {
  if ((await readImageFolders()).includes(path, { below })) return
  await append({ add: path, below, at: now() })
}

/**
 * Notes that a folder of this host holds no images any more.
 *
 * @param path as it is in the list.
 * @throws Error as `addImageFolder`.
 */
export async function removeImageFolder(path: string): Promise<void> {
  await append({ remove: path, at: now() })
}

async function append(line: object): Promise<void> {
  const path = stateFolderPath()
  if (path === undefined) throw new Error('neither XDG_STATE_HOME nor HOME names a folder')
  const folder = (await openStateFolder(path, { make: true })) as FileHandle
  try {
    const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
    const file = await open(inFolder(folder), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
    try {
      await requireOurs(file, join(path, NAME))
      // What a full disk cut off must not become the beginning of another line.
      const bytes = Buffer.from(`${(await endsWithNewline(file)) ? '' : '\n'}${JSON.stringify(line)}\n`)
      const { bytesWritten } = await file.write(bytes)
      if (bytesWritten < bytes.length) throw new Error('no space is left')
      await file.datasync()
    } finally {
      await file.close()
    }
  } finally {
    await folder.close()
  }
}

async function endsWithNewline(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat()
  if (size === 0) return true
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer.toString() === '\n'
}

async function readList(folder: FileHandle, path: string): Promise<string> {
  let file: FileHandle
  try {
    file = await open(inFolder(folder), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
  try {
    await requireOurs(file, join(path, NAME))
    const stats = await file.stat()
    if (!stats.isFile() || stats.size > LARGEST) throw new Error(`${join(path, NAME)} is not such a list`)
    return (await file.readFile()).toString('utf8')
  } finally {
    await file.close()
  }
}

/** Lines that cannot be read add nothing. */
function parse(text: string): Map<string, ImageFolder> {
  const folders = new Map<string, ImageFolder>()
  for (const line of text.split('\n')) {
    const { add, remove, below, at } = lineOf(line)
    if (typeof remove === 'string') folders.delete(remove)
    if (typeof add !== 'string' || !add.startsWith('/')) continue
    const known = folders.get(add)
    folders.set(add, { path: add, below: below === true || known?.below === true, addedAt: known?.addedAt ?? `${at}` })
  }
  return folders
}

function lineOf(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) ?? {}
  } catch {
    return {}
  }
}

function inFolder(folder: FileHandle): string {
  return `/proc/self/fd/${folder.fd}/${NAME}`
}

function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`
}

/** A path as a shell reads it. */
function quoted(path: string): string {
  return /^[\w./+:@-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
