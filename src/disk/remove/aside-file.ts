import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { type FileHandle, link, lstat, rename, unlink } from 'node:fs/promises'
import { stateOf } from './doomed-file.ts'
import { heldPath, isSameInode } from './held.ts'

/** The names of files that are set aside: hidden ones, so that no agent takes one for a disk. */
const PREFIX = '.vdc-manage-purge-'
const NAME = new RegExp(`^\\${PREFIX}-?[A-Za-z0-9_]+$`)

/** Bytes of the longest name of a file. */
const NAME_MAX = 255
/** The longest uuid that is a part of such a name; a longer one has its hash there. */
export const LONGEST_IN_NAME = NAME_MAX - PREFIX.length

/** The name under which the file of something is set aside, by its uuid. */
export function asideName(uuid: string): string {
  if (uuid.length <= LONGEST_IN_NAME) return PREFIX + uuid
  return `${PREFIX}-${createHash('sha256').update(uuid).digest('hex')}`
}

/** Whether a file of this name is one that was set aside. */
export function isAsideName(name: string): boolean {
  return NAME.test(name)
}

/** The uuid in the name of a file that is set aside; undefined where that has only its hash. */
export function uuidInAsideName(name: string): string | undefined {
  const uuid = name.slice(PREFIX.length)
  return uuid.startsWith('-') ? undefined : uuid
}

/** A folder that is held open, and a name in it. */
export interface HeldName {
  folder: FileHandle
  name: string
}

/**
 * A file that has another name until it is known whether it is to go: it can be
 * put back, where a file that is removed cannot. Names are those of open folders,
 * and only the inode that was set aside is ever removed. Owns its two folders.
 */
export class AsideFile {
  readonly #from: HeldName
  readonly #at: HeldName
  readonly #inode: BigIntStats

  private constructor(from: HeldName, at: HeldName, inode: BigIntStats) {
    this.#from = from
    this.#at = at
    this.#inode = inode
  }

  /**
   * Takes over a file that is set aside already.
   *
   * @param from where it belongs.
   * @param root the folder that it is in.
   * @throws Error of the system; the folders are closed.
   */
  static async leftOver(from: HeldName, root: FileHandle, uuid: string): Promise<AsideFile> {
    const at = { folder: root, name: asideName(uuid) }
    const inode = await closingUnless(from, at, () => lstat(pathOf(at), { bigint: true }))
    return new AsideFile(from, at, inode)
  }

  /**
   * Sets a file aside.
   *
   * @param root the folder to put it in, of the same filesystem.
   * @param inode which file it must be.
   * @returns undefined if another one had the name by then, which has it again.
   * @throws Error of the system; the folders are closed.
   */
  static async of(from: HeldName, root: FileHandle, uuid: string, inode: BigIntStats): Promise<AsideFile | undefined> {
    const at = { folder: root, name: asideName(uuid) }
    return closingUnless(from, at, async () => {
      await rename(pathOf(from), pathOf(at))
      const aside = new AsideFile(from, at, await lstat(pathOf(at), { bigint: true }))
      if (isSameInode(aside.#inode, inode)) return aside
      await aside.putBack()
      return undefined
    })
  }

  /** Which state of the file was set aside (`stateOf`). */
  get state(): string {
    return stateOf(this.#inode)
  }

  /**
   * Removes the file for good, unless somebody else did, as another purge that
   * settles it; false if it has its own name again, or another file is in its place.
   */
  async remove(): Promise<boolean> {
    return this.#end(async () => {
      const found = await look(this.#at)
      if (found === undefined) return !isSameInode(await look(this.#from), this.#inode)
      if (!isSameInode(found, this.#inode)) return false
      await unlink(pathOf(this.#at))
      return true
    })
  }

  /**
   * Gives the file its name back.
   *
   * @returns false if another file has that by now, and this one stays aside; else its
   *   state now, undefined if somebody else changed it, or put it back, meanwhile.
   */
  async putBack(): Promise<{ state: string | undefined } | false> {
    return this.#end(async () => {
      const [from, at] = [pathOf(this.#from), pathOf(this.#at)]
      const before = await look(this.#at)
      try {
        // Unlike a renaming, a link never replaces anything.
        await link(at, from)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        const there = await look(this.#from)
        if (there !== undefined && !isSameInode(there, this.#inode)) return false
        if (code === 'ENOENT') return there !== undefined && { state: undefined }
        // Some filesystems have no hard links.
        if (there === undefined) await rename(at, from)
      }
      // It is there still after a link, one of a purge that was killed before it came here, too.
      if (isSameInode(await look(this.#at), this.#inode)) await unlink(at)
      const after = await look(this.#from)
      const isUntouched = before !== undefined && stateOf(before) === this.state && isSameInode(after, this.#inode)
      return { state: isUntouched && after !== undefined ? stateOf(after) : undefined }
    })
  }

  /** Leaves the file where it is, for a later purge to settle. */
  async leave(): Promise<void> {
    await this.#end(async () => {})
  }

  async #end<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } finally {
      await close(this.#from, this.#at)
    }
  }
}

function pathOf({ folder, name }: HeldName): string {
  return `${heldPath(folder)}/${name}`
}

/** The file that has a name; undefined if there is none, or it cannot be seen. */
async function look(name: HeldName): Promise<BigIntStats | undefined> {
  return lstat(pathOf(name), { bigint: true }).catch(() => undefined)
}

async function close(...names: HeldName[]): Promise<void> {
  // Both may be of one folder.
  for (const folder of new Set(names.map(({ folder }) => folder))) await folder.close().catch(() => {})
}

async function closingUnless<T>(from: HeldName, at: HeldName, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await close(from, at)
    throw error
  }
}
