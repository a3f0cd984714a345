import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { type FileHandle, link, lstat, rename, unlink } from 'node:fs/promises'
import { stateOf } from './doomed-file.ts'
import { heldPath, isSameInode } from './held.ts'

/** The start of the names of files that are set aside. They are hidden, so that no agent takes one for a disk. */
const PREFIX = '.vdc-manage-purge-'
const NAME = new RegExp(`^\\${PREFIX}-?[A-Za-z0-9_]+$`)

/** Bytes of the longest name of a file. */
const NAME_MAX = 255
/** Characters of the longest uuid in such a name. A longer one is replaced by its hash. */
export const LONGEST_IN_NAME = NAME_MAX - PREFIX.length

/** Returns the name under which the file of a backup object is set aside, from the object's uuid. */
export function asideName(uuid: string): string {
  if (uuid.length <= LONGEST_IN_NAME) return PREFIX + uuid
  return `${PREFIX}-${createHash('sha256').update(uuid).digest('hex')}`
}

/** Returns true if a name is the name of a file that was set aside. */
export function isAsideName(name: string): boolean {
  return NAME.test(name)
}

/** Returns the uuid in the name of a file that was set aside; undefined if the name has only its hash. */
export function uuidInAsideName(name: string): string | undefined {
  const uuid = name.slice(PREFIX.length)
  return uuid.startsWith('-') ? undefined : uuid
}

/** An open folder and a name in it. */
export interface HeldName {
  folder: FileHandle
  name: string
}

/**
 * A file that was renamed until it is known whether it must be removed. Unlike a removed file,
 * it can be put back. Names are relative to open folders, and only the inode that was set
 * aside is ever removed. Owns the handles of its two folders: each method that ends it
 * (`remove`, `putBack`, `leave`) closes them.
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
   * Takes over a file that another process set aside.
   *
   * @param from its original place.
   * @param root the folder that it is in.
   * @throws Error of the system; the folders are then closed.
   */
  static async leftOver(from: HeldName, root: FileHandle, uuid: string): Promise<AsideFile> {
    const at = { folder: root, name: asideName(uuid) }
    const inode = await closingUnless(from, at, () => lstat(pathOf(at), { bigint: true }))
    return new AsideFile(from, at, inode)
  }

  /**
   * Sets a file aside.
   *
   * @param root the folder to move it to, on the same filesystem.
   * @param inode the expected file.
   * @returns undefined if another file had the name. That file is put back.
   * @throws Error of the system; the folders are then closed.
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

  /** The state of the file when it was set aside (`stateOf`). */
  get state(): string {
    return stateOf(this.#inode)
  }

  /**
   * Removes the file for good. Another purge may have removed it already.
   *
   * @returns false if the file has its original name again, or another file has its name.
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
   * Gives the file its original name back.
   *
   * @returns false if another file has the name, so that this one stays aside. Otherwise its new
   *   state, undefined if another process changed it or put it back in the meantime.
   */
  async putBack(): Promise<{ state: string | undefined } | false> {
    return this.#end(async () => {
      const before = await look(this.#at)
      const outcome = await this.#restoreName()
      if (outcome === 'taken') return false
      if (outcome === 'restored by another') return { state: undefined }
      // After a link, the other name still exists, also if a purge was killed between link and unlink.
      if (isSameInode(await look(this.#at), this.#inode)) await unlink(pathOf(this.#at))
      const after = await look(this.#from)
      const isUntouched = before !== undefined && stateOf(before) === this.state && isSameInode(after, this.#inode)
      return { state: isUntouched && after !== undefined ? stateOf(after) : undefined }
    })
  }

  /** Gives the file its original name. It may keep the other name as well. */
  async #restoreName(): Promise<'restored' | 'restored by another' | 'taken'> {
    const from = pathOf(this.#from)
    const at = pathOf(this.#at)
    try {
      // Unlike rename, link never replaces a file.
      await link(at, from)
    } catch (error) {
      const there = await look(this.#from)
      if (there !== undefined && !isSameInode(there, this.#inode)) return 'taken'
      const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT'
      if (isGone) return there === undefined ? 'taken' : 'restored by another'
      // The filesystem may have no hard links.
      if (there === undefined) await rename(at, from)
    }
    return 'restored'
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

/** Returns the file that has a name; undefined if there is none or it cannot be examined. */
async function look(name: HeldName): Promise<BigIntStats | undefined> {
  return lstat(pathOf(name), { bigint: true }).catch(() => undefined)
}

async function close(...names: HeldName[]): Promise<void> {
  // Both names may be in the same folder.
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
