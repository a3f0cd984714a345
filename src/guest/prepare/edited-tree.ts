import { join } from '../tree/guest-files.ts'
import { folderOf, type GuestPath, nameOf, shown } from '../tree/guest-path.ts'
import type { GuestStat, GuestTree } from '../tree/guest-tree.ts'
import { Undecided, Unreadable } from '../tree/undecided.ts'
import type { Edit } from './edit.ts'

/** What an edit makes of a path; undefined if it removes it. */
type Made = { stat: GuestStat; content: string } | undefined

/** Owned by root, and of no particular time. */
const OWNED_BY_ROOT = { uid: 0, gid: 0, mtime: 0 }

/**
 * The files of a guest as they will be after edits, which are kept in memory. So later edits build on
 * earlier ones, and a guest can be checked before anything is written.
 */
export class EditedTree implements GuestTree {
  readonly #tree: GuestTree
  readonly #made = new Map<GuestPath, Made>()
  /** The names in folders at which, or below which, something was made or removed. */
  readonly #touched = new Map<GuestPath, Set<string>>()

  constructor(tree: GuestTree) {
    this.#tree = tree
  }

  /**
   * Adds an edit.
   *
   * @returns false if it removes what an earlier edit has removed.
   * @throws Undecided if it would make something in what is no folder, or in the place of a folder.
   */
  async apply(edit: Edit): Promise<boolean> {
    const { path } = edit
    if (edit.action === 'remove') {
      if (this.#isGone(path)) return false
      this.#forget(path)
      this.#set(path, undefined)
      return true
    }
    await this.#makeFolders(folderOf(path))
    const before = await this.lstat(path)
    if (before?.kind === 'folder') throw new Undecided(`${shown(path)} is a folder, not a file`)
    if (edit.action === 'link') {
      const stat = { ...OWNED_BY_ROOT, kind: 'link', mode: 0o777, size: edit.target.length } as const
      this.#set(path, { stat, content: edit.target })
      return true
    }
    const mode = edit.mode ?? (before?.kind === 'file' ? before.mode : 0o644)
    const owner = before?.kind === 'file' ? { uid: before.uid, gid: before.gid } : {}
    const stat = { ...OWNED_BY_ROOT, ...owner, kind: 'file', mode, size: edit.text.length } as const
    this.#set(path, { stat, content: edit.text })
    return true
  }

  async list(path: GuestPath, limit: number): Promise<string[] | undefined> {
    if (this.#isGone(path)) return undefined
    const touched = [...(this.#touched.get(path) ?? [])].filter((name) => this.#made.has(join(path, name)))
    const isThere = (name: string) => this.#made.get(join(path, name)) !== undefined
    const removed = touched.filter((name) => !isThere(name))
    const isMade = this.#made.get(path) !== undefined
    // Names that were removed must not stand for others that the limit would cut off.
    const before = isMade ? undefined : await this.#tree.list(path, limit + removed.length)
    if (before === undefined && (await this.lstat(path))?.kind !== 'folder') return undefined
    const names = new Set([...(before ?? []), ...touched.filter(isThere)])
    for (const name of removed) names.delete(name)
    return [...names].slice(0, limit)
  }

  async lstat(path: GuestPath): Promise<GuestStat | undefined> {
    const made = this.#made.get(path)
    if (made !== undefined) return made.stat
    return this.#isGone(path) ? undefined : this.#tree.lstat(path)
  }

  async read(path: GuestPath, limit: number): Promise<Buffer> {
    const made = this.#made.get(path)
    if (made !== undefined) return Buffer.from(made.content.slice(0, limit), 'latin1')
    if (this.#isGone(path)) throw new Unreadable(`${shown(path)} does not exist`)
    return this.#tree.read(path, limit)
  }

  async readlink(path: GuestPath): Promise<string> {
    const made = this.#made.get(path)
    if (made !== undefined) return made.content
    if (this.#isGone(path)) throw new Unreadable(`${shown(path)} does not exist`)
    return this.#tree.readlink(path)
  }

  async #makeFolders(path: GuestPath): Promise<void> {
    const before = await this.lstat(path)
    if (before?.kind === 'folder') return
    if (before !== undefined) throw new Undecided(`${shown(path)} is a ${before.kind}, not a folder`)
    if (path !== '/') await this.#makeFolders(folderOf(path))
    this.#set(path, { stat: { ...OWNED_BY_ROOT, kind: 'folder', mode: 0o755, size: 0 }, content: '' })
  }

  #set(path: GuestPath, made: Made): void {
    this.#made.set(path, made)
    for (let at = path; at !== '/'; at = folderOf(at)) {
      const names = this.#touched.get(folderOf(at)) ?? new Set()
      this.#touched.set(folderOf(at), names)
      if (names.has(nameOf(at))) break
      names.add(nameOf(at))
    }
  }

  /** Drops what was made and removed at a path and below it. */
  #forget(path: GuestPath): void {
    for (const name of this.#touched.get(path) ?? []) this.#forget(join(path, name))
    this.#touched.delete(path)
    this.#made.delete(path)
  }

  /** Returns true if a path, or a folder that it is in, was removed and not made again. */
  #isGone(path: GuestPath): boolean {
    for (let at = path; at !== '/'; at = folderOf(at)) {
      if (!this.#made.has(at)) continue
      return this.#made.get(at) === undefined || at !== path
    }
    return false
  }
}
