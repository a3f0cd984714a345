import { folderOf, type GuestPath, nameOf } from '../tree/guest-path.ts'
import type { GuestStat, GuestTree } from '../tree/guest-tree.ts'
import { Unreadable } from '../tree/undecided.ts'
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

  constructor(tree: GuestTree) {
    this.#tree = tree
  }

  /** Adds an edit. */
  async apply(edit: Edit): Promise<void> {
    const { path } = edit
    if (edit.action === 'remove') {
      for (const below of this.#made.keys()) if (isBelow(below, path)) this.#made.delete(below)
      this.#made.set(path, undefined)
      return
    }
    await this.#makeFolders(folderOf(path))
    const before = await this.lstat(path)
    if (edit.action === 'link') {
      const stat = { ...OWNED_BY_ROOT, kind: 'link', mode: 0o777, size: edit.target.length } as const
      this.#made.set(path, { stat, content: edit.target })
      return
    }
    const mode = edit.mode ?? (before?.kind === 'file' ? before.mode : 0o644)
    const owner = before?.kind === 'file' ? { uid: before.uid, gid: before.gid } : {}
    const stat = { ...OWNED_BY_ROOT, ...owner, kind: 'file', mode, size: edit.text.length } as const
    this.#made.set(path, { stat, content: edit.text })
  }

  async list(path: GuestPath, limit: number): Promise<string[] | undefined> {
    if (this.#isGone(path)) return undefined
    const isMade = this.#made.get(path) !== undefined
    const names = new Set((isMade ? undefined : await this.#tree.list(path, limit)) ?? [])
    if (!isMade && names.size === 0 && (await this.lstat(path))?.kind !== 'folder') return undefined
    for (const [each, made] of this.#made)
      if (each !== '/' && folderOf(each) === path)
        made === undefined ? names.delete(nameOf(each)) : names.add(nameOf(each))
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
    if (this.#isGone(path)) throw new Unreadable('the file does not exist')
    return this.#tree.read(path, limit)
  }

  async readlink(path: GuestPath): Promise<string> {
    const made = this.#made.get(path)
    if (made !== undefined) return made.content
    if (this.#isGone(path)) throw new Unreadable('the link does not exist')
    return this.#tree.readlink(path)
  }

  async #makeFolders(path: GuestPath): Promise<void> {
    if ((await this.lstat(path)) !== undefined) return
    if (path !== '/') await this.#makeFolders(folderOf(path))
    this.#made.set(path, { stat: { ...OWNED_BY_ROOT, kind: 'folder', mode: 0o755, size: 0 }, content: '' })
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

function isBelow(path: GuestPath, folder: GuestPath): boolean {
  return path.startsWith(`${folder}/`)
}
