import type { GuestPath } from '../tree/guest-path.ts'
import type { GuestStat } from '../tree/guest-tree.ts'
import type { Guestfish } from './guestfish.ts'
import { isMissing, statsIn } from './stat-answers.ts'

/** Bytes of the largest folder that is read at once. What is printed must stay small. */
const LARGEST = 64 << 10
/** Names in a folder that is read at once: many more than are asked for would take longer. */
const MOST_NAMES = 1000
/** Characters of the names in one command. */
const LONGEST_LIST = 6000
/** Names that guestfish takes as one word of a list. */
const PLAIN_NAME = /^[\w.@+-]+$/

/** Returns true if guestfish takes a name as one word of a list. */
export function isPlain(name: string): boolean {
  return PLAIN_NAME.test(name)
}

/** What is known of the names in a folder. */
export interface FolderContents {
  /** The properties of all plain names; undefined if they must be asked for alone, as a damaged file must. */
  stats: ReadonlyMap<string, GuestStat | undefined>
  /** True if there are no other names, and all properties are known. */
  isComplete: boolean
}

/**
 * Reads all plain names in a folder and their properties with few commands, each of which takes milliseconds.
 *
 * @param size of the folder in bytes.
 * @returns undefined if the folder is too large.
 * @throws CommandFailed if the folder cannot be read.
 */
export async function readFolder(
  guestfish: Guestfish,
  path: GuestPath,
  size: number,
): Promise<FolderContents | undefined> {
  if (size > LARGEST) return undefined
  const lines = (await guestfish.run('ls', path)).split('\n').slice(0, -1)
  if (lines.length > MOST_NAMES) return undefined
  // A newline in a name makes lines that are no names.
  const names = [...new Set(lines.filter(isPlain))]
  const stats = new Map<string, GuestStat | undefined>()
  for (const some of lists(names)) {
    const found = statsIn(await guestfish.run('lstatnslist', path, some.join(' ')))
    if (found.length !== some.length) return undefined
    for (const [index, stat] of found.entries()) stats.set(some[index] as string, isMissing(stat) ? undefined : stat)
  }
  return { stats, isComplete: stats.size === lines.length && ![...stats.values()].includes(undefined) }
}

/**
 * Reads the targets of links in a folder.
 *
 * @param names of links, each plain.
 * @returns undefined if they are unusual.
 * @throws CommandFailed if the folder cannot be read.
 */
export async function readLinks(
  guestfish: Guestfish,
  path: GuestPath,
  names: readonly string[],
): Promise<Map<string, string> | undefined> {
  const targets = new Map<string, string>()
  for (const some of lists(names)) {
    // It prints an empty line for an error, and a newline in a target as it is.
    const lines = (await guestfish.run('readlinklist', path, some.join(' '))).split('\n').slice(0, -1)
    if (lines.length !== some.length || lines.includes('')) return undefined
    for (const [index, name] of some.entries()) targets.set(name, lines[index] as string)
  }
  return targets
}

/** Divides names into lists that are short enough for one command. */
function* lists(names: readonly string[]): Generator<string[]> {
  let list: string[] = []
  let length = 0
  for (const name of names) {
    if (length + name.length + 1 > LONGEST_LIST) {
      yield list
      list = []
      length = 0
    }
    list.push(name)
    length += name.length + 1
  }
  if (list.length > 0) yield list
}
