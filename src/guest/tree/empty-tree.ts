import type { GuestTree } from './guest-tree.ts'
import { Unreadable } from './undecided.ts'

/** The files of a disk on which no operating system was found: none. */
export const EMPTY_TREE: GuestTree = {
  async list() {
    return undefined
  },
  async lstat() {
    return undefined
  },
  async read() {
    throw new Unreadable('there are no files')
  },
  async readlink() {
    throw new Unreadable('there are no files')
  },
}
