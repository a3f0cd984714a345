import type { GuestKind, GuestStat } from '../tree/guest-tree.ts'
import { Unreadable } from '../tree/undecided.ts'

/** File types in st_mode: inode(7). */
const KINDS: ReadonlyMap<number, GuestKind> = new Map([
  [0o010000, 'FIFO'],
  [0o040000, 'folder'],
  [0o100000, 'file'],
  [0o120000, 'link'],
  [0o140000, 'socket'],
])
/** What guestfish reports as the size of a missing file in a list. */
const MISSING = -1

/**
 * Returns the properties in an answer of guestfish to `lstatns`; `links` is the number of names of a file.
 *
 * @throws Unreadable if they are incomplete.
 */
export function statIn(answer: string): GuestStat & { links: number } {
  const numbers = new Map<string, number>()
  for (const [, name, number] of answer.matchAll(/^\s*st_(\w+): (-?\d+)$/gm))
    numbers.set(name as string, Number(number))
  const number = (name: string) => {
    const found = numbers.get(name)
    if (found === undefined) throw new Unreadable('guestfish does not report the properties of a file')
    return found
  }
  const mode = number('mode')
  return {
    kind: KINDS.get(mode & 0o170000) ?? 'device',
    mode: mode & 0o7777,
    uid: number('uid'),
    gid: number('gid'),
    size: number('ino') === MISSING ? MISSING : number('size'),
    mtime: number('mtime_sec'),
    links: number('nlink'),
  }
}

/** Returns the properties in an answer of guestfish to `lstatnslist`, in its order. */
export function statsIn(answer: string): GuestStat[] {
  return answer
    .split(/^\[\d+\] = \{$/m)
    .slice(1)
    .map(statIn)
}

/** Returns true for the properties of a file that is not there. */
export function isMissing({ size }: GuestStat): boolean {
  return size === MISSING
}
