import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { findStateFolder } from '../../core/data-folder.ts'
import { shellWord } from '../../core/shell-word.ts'
import { heldPath, holding } from '../remove/held.ts'
import { openStateFolder, requireOurs } from './state-folder.ts'
import { systemFolderOf } from './system-folders.ts'

/*
 * The list of this host's image folders. Users maintain it; the registry does not count,
 * because its rows may come from anywhere (decision 14). The list is a file in the state
 * folder with a line of JSON for each folder that was added or removed. The last line of
 * a folder counts. Lines are only appended, so processes need no lock.
 */

const NAME = 'image-folders'
/** Bytes of the largest list that is read. */
const LARGEST = 16 * 1024 * 1024

/** A folder that contains images. */
export interface ImageFolder {
  /** Real path. */
  path: string
  /** True if it includes all files at any depth; false if only files directly in it whose names do not begin with a dot. */
  below: boolean
  /** ISO 8601 UTC. */
  addedAt: string
}

/** The image folders of this host. */
export class ImageFolders {
  readonly #folders: ReadonlyMap<string, ImageFolder>
  /** The reason why the list cannot be used; undefined if it can. */
  readonly problem: string | undefined

  constructor(folders: ReadonlyMap<string, ImageFolder>, problem?: string) {
    this.#folders = folders
    this.problem = problem
  }

  /** All image folders, sorted by path. */
  get all(): ImageFolder[] {
    return [...this.#folders.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
  }

  /**
   * Returns true if a folder is in the list, or is below a folder that includes all files at
   * any depth.
   *
   * @param options.below true if the folder itself must include all files at any depth.
   */
  includes(folder: string, { below }: { below: boolean }): boolean {
    const own = this.#folders.get(folder)
    if (own !== undefined && (own.below || !below)) return true
    return folder !== '/' && this.includes(dirname(folder), { below: true })
  }

  /**
   * Returns the reason why a file must not be read or removed on behalf of a row; undefined
   * if it is in an image folder.
   *
   * @param real real path of the file.
   */
  whyNot(real: string): string | undefined {
    const folder = dirname(real)
    const system = systemFolderOf(folder)
    if (system !== undefined) return `${folder} is a system folder, which never holds images`
    const isHidden = basename(real).startsWith('.')
    if (this.includes(folder, { below: isHidden })) return undefined
    const trust = `vdc-manage backupstorage trust ${shellWord(folder)}`
    const why = this.includes(folder, { below: false })
      ? `${folder} is an image folder of this host only for files whose names do not begin with a dot; to include all files: ${trust}`
      : `${folder} is not an image folder of this host; to add it: ${trust}`
    return this.problem === undefined ? why : `${why} (the list of image folders cannot be used: ${this.problem})`
  }
}

/** Reads the list of this host's image folders. If it cannot be read, the result is empty and has a `problem`. */
export async function readImageFolders(): Promise<ImageFolders> {
  const path = findStateFolder(process.env)
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
 * Adds a folder to the image folders of this host. Does nothing if it is already included.
 *
 * @param path real path.
 * @throws Error, of the system or with the reason why the list cannot be written.
 */
export async function addImageFolder(path: string, { below }: { below: boolean }): Promise<void> {
  if ((await readImageFolders()).includes(path, { below })) return
  await append({ add: path, below, at: now() })
}

/**
 * Removes a folder from the image folders of this host.
 *
 * @param path as in the list.
 * @throws Error as `addImageFolder`.
 */
export async function removeImageFolder(path: string): Promise<void> {
  await append({ remove: path, at: now() })
}

async function append(line: object): Promise<void> {
  const path = findStateFolder(process.env)
  if (path === undefined) throw new Error('neither XDG_STATE_HOME nor HOME names a folder')
  const { O_RDWR, O_APPEND, O_CREAT } = constants
  await holding((await openStateFolder(path, { make: true })) as FileHandle, async (folder) =>
    holding(await openIn(folder, O_RDWR | O_APPEND | O_CREAT), async (file) => {
      await requireOurs(file, join(path, NAME))
      // If the disk was full, the list may end with half a line, which must not become part of this one.
      const bytes = Buffer.from(`${(await endsWithNewline(file)) ? '' : '\n'}${JSON.stringify(line)}\n`)
      const { bytesWritten } = await file.write(bytes)
      if (bytesWritten < bytes.length) throw new Error('no space is left')
      await file.datasync()
    }),
  )
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
    file = await openIn(folder, constants.O_RDONLY)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
  return holding(file, async () => {
    await requireOurs(file, join(path, NAME))
    const stats = await file.stat()
    if (!stats.isFile()) throw new Error(`${join(path, NAME)} is not a regular file`)
    if (stats.size > LARGEST) throw new Error(`${join(path, NAME)} is larger than ${LARGEST} bytes`)
    return file.readFile('utf8')
  })
}

/** Opens the list. Doesn't follow a link, and doesn't block on a pipe. */
async function openIn(folder: FileHandle, flags: number): Promise<FileHandle> {
  return open(`${heldPath(folder)}/${NAME}`, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600)
}

/** Parses the list. Ignores invalid lines. */
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

function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`
}
