import { constants, type Dirent, type Stats } from 'node:fs'
import { type FileHandle, lstat, open, opendir, readlink } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { FOLDER, heldPath, holding, O_PATH, reopen } from '../../disk/remove/held.ts'
import { bytesOf, type GuestPath, shown } from './guest-path.ts'
import type { GuestKind, GuestStat, GuestTree } from './guest-tree.ts'
import { Unreadable } from './undecided.ts'

/** Flags that find a file or folder without opening it, and without following a link. */
const FOUND = O_PATH | constants.O_NOFOLLOW
/** Flags that open a regular file. They would not wait for a FIFO or take a terminal, either. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY
/** Names that are read from a folder at once. */
const NAMES_AT_ONCE = 256

/** Errors of the system, in words. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EIO: 'input/output error',
  ENAMETOOLONG: 'the name is too long',
}

/**
 * A guest that is unpacked in a folder of this host. Every step goes through an open folder and
 * follows no link, so nothing outside the folder is read, even if somebody changes it meanwhile.
 * Only regular files are opened.
 */
export class FolderTree implements GuestTree {
  readonly #root: FileHandle

  private constructor(root: FileHandle) {
    this.#root = root
  }

  /**
   * Opens a folder of this host. It must be closed.
   *
   * @throws VdcError FILE_REFUSED if it is not a folder, or cannot be opened.
   */
  static async open(path: string): Promise<FolderTree> {
    try {
      return new FolderTree(await open(path, constants.O_RDONLY | constants.O_DIRECTORY))
    } catch (error) {
      throw notOpened(path, error)
    }
  }

  async close(): Promise<void> {
    await this.#root.close()
  }

  async list(path: GuestPath, limit: number): Promise<string[] | undefined> {
    return this.#at(path, async (at) => {
      const folder = await open(at, FOLDER)
      return holding(folder, async () => namesIn(folder, limit))
    })
  }

  async lstat(path: GuestPath): Promise<GuestStat | undefined> {
    return this.#at(path, async (at) => statOf(await lstat(at)))
  }

  async read(path: GuestPath, limit: number): Promise<Buffer> {
    const bytes = await this.#at(path, async (at) =>
      holding(await open(at, FOUND), async (found) => {
        const { kind } = statOf(await found.stat())
        if (kind !== 'file') throw new Unreadable(`${shown(path)} is a ${kind}, not a file`)
        return holding(await reopen(found, READ), (file) => readStart(file, limit))
      }),
    )
    if (bytes === undefined) throw new Unreadable(`${shown(path)} disappeared`)
    return bytes
  }

  async readlink(path: GuestPath): Promise<string> {
    const target = await this.#at(path, async (at) => {
      const bytes: unknown = await readlink(at, { encoding: 'buffer' as BufferEncoding })
      return (bytes as Buffer).toString('latin1')
    })
    if (target === undefined) throw new Unreadable(`${shown(path)} disappeared`)
    return target
  }

  /**
   * Calls `work` with a path that leads through the open folder to the last name of `path`.
   *
   * @returns undefined if the file or folder does not exist.
   * @throws Unreadable if the system refuses it.
   */
  async #at<T>(path: GuestPath, work: (at: Buffer) => Promise<T>): Promise<T | undefined> {
    const names = path.split('/').filter((name) => name !== '')
    if (names.some((name) => name === '.' || name === '..')) throw new Error('The path is not resolved')
    const last = names.pop() ?? '.'
    let folder = this.#root
    try {
      for (const name of names) {
        const next = await open(below(folder, name), FOUND | constants.O_DIRECTORY)
        if (folder !== this.#root) await folder.close()
        folder = next
      }
      return await work(below(folder, last))
    } catch (error) {
      const { code, syscall } = error as NodeJS.ErrnoException
      if (syscall === undefined) throw error
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw new Unreadable(`${shown(path)} cannot be read: ${REASONS[code ?? ''] ?? code}`)
    } finally {
      if (folder !== this.#root) await folder.close()
    }
  }
}

function below(folder: FileHandle, name: string): Buffer {
  return Buffer.concat([Buffer.from(`${heldPath(folder)}/`), bytesOf(name)])
}

async function namesIn(folder: FileHandle, limit: number): Promise<string[]> {
  const names: string[] = []
  const options = { encoding: 'buffer' as BufferEncoding, bufferSize: NAMES_AT_ONCE }
  const entries = (await opendir(heldPath(folder), options)) as unknown as AsyncIterable<Dirent<Buffer>>
  for await (const { name } of entries) {
    if (names.length >= limit) break
    names.push(name.toString('latin1'))
  }
  return names
}

async function readStart(file: FileHandle, limit: number): Promise<Buffer> {
  const { size } = await file.stat()
  const bytes = Buffer.alloc(Math.min(size, limit))
  let length = 0
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return bytes.subarray(0, length)
}

function statOf(stats: Stats): GuestStat {
  const { mode, uid, gid, size, mtimeMs } = stats
  return { kind: kindOf(stats), mode: mode & 0o7777, uid, gid, size, mtime: Math.floor(mtimeMs / 1000) }
}

function kindOf(stats: Stats): GuestKind {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'folder'
  if (stats.isSymbolicLink()) return 'link'
  if (stats.isFIFO()) return 'FIFO'
  return stats.isSocket() ? 'socket' : 'device'
}

function notOpened(path: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (syscall === undefined) return error
  if (code === 'ENOENT') return new VdcError('FILE_REFUSED', `The folder ${path} does not exist`, { cause: error })
  if (code === 'ENOTDIR') return new VdcError('FILE_REFUSED', `${path} is not a folder`, { cause: error })
  const reason = REASONS[code ?? ''] ?? code
  return new VdcError('FILE_REFUSED', `The folder ${path} cannot be opened: ${reason}`, { cause: error })
}
