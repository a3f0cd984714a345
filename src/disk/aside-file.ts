import type { BigIntStats } from 'node:fs'
import { type FileHandle, link, lstat, rename, unlink } from 'node:fs/promises'
import { heldPath, isSameInode } from './held.ts'

/** The names of files that are set aside: hidden ones, so that no agent takes one for a disk. */
const PREFIX = '.vdc-manage-purge-'
const NAME = new RegExp(`^\\${PREFIX}([A-Za-z0-9_]+)$`)

/** The name under which the file of something is set aside, by its uuid. */
function asideName(uuid: string): string {
  return PREFIX + uuid
}

/** Reads the uuid from the name of a file that is set aside; undefined for any other name. */
export function uuidOfAside(name: string): string | undefined {
  return NAME.exec(name)?.[1]
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

  /** Removes the file for good; false if it is not there any more. */
  async remove(): Promise<boolean> {
    return this.#end(async () => {
      const found = await lstat(pathOf(this.#at), { bigint: true }).catch(() => undefined)
      if (!isSameInode(found, this.#inode)) return false
      await unlink(pathOf(this.#at))
      return true
    })
  }

  /** Gives the file its name back; false if another file has that by now, and this one stays aside. */
  async putBack(): Promise<boolean> {
    return this.#end(async () => {
      const [from, at] = [pathOf(this.#from), pathOf(this.#at)]
      try {
        // Unlike a renaming, a link never replaces anything.
        await link(at, from)
        await unlink(at)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        const isFree = (await lstat(from).catch(() => undefined)) === undefined
        // Some filesystems have no hard links.
        if (!isFree || code === 'ENOENT')
          return isSameInode(await lstat(from, { bigint: true }).catch(() => undefined), this.#inode)
        await rename(at, from)
      }
      return true
    })
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
