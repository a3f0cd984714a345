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

/** Returns the files of a disk of which nothing can be read, so that nothing is known of them. */
export function unreadableTree(reason: string): GuestTree {
  const refuse = async () => {
    throw new Unreadable(reason)
  }
  return { list: refuse, lstat: refuse, read: refuse, readlink: refuse }
}
