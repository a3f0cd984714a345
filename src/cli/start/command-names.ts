import type { Command } from '@oclif/core'
import { VdcError } from '../../core/errors.ts'

/** The commands and topics of the program. */
export interface Commands {
  readonly commands: readonly Command.Loadable[]
  findCommand(id: string): Command.Loadable | undefined
  /** Topics; their names have colons. */
  readonly topics: readonly { name: string; description?: string | undefined }[]
}

/** The word that shows help, in place of a command. */
const HELP = 'help'
/** Topics that only the original's vdc-manage has, in one release or another. */
export const FOREIGN_NOUNS: readonly string[] = [
  'group',
  'host',
  'instance',
  'instanceuser',
  'keypair',
  'macrange',
  'network',
  'quota',
  'resourcegroup',
  'securitygroup',
  'spec',
  'storage',
  'tag',
  'user',
  'vlan',
]
/** Commands that cannot be abbreviated: the original does not have them, and their changes cannot be undone. */
const IN_FULL: readonly string[] = ['image purge', 'db migrate']

/** The names of commands and topics at the start of the typed words. */
export interface Names {
  /** Full names as far as they are known, then the other words as they were typed. */
  names: string[]
  /** True if help is asked for: `help image add`, `image help add`. */
  isHelp: boolean
  /** The names that the first unknown word may stand for, if there are several; or the one that cannot be abbreviated. */
  candidates: string[]
}

/**
 * Completes abbreviated names as thor does: any beginning that is unique among commands and topics.
 * A full name takes precedence over longer ones. Aliases cannot be abbreviated.
 *
 * @param typed the words before the first option; words after a command are its arguments.
 */
export function wholeNames(commands: Commands, typed: readonly string[]): Names {
  const known: string[] = []
  let isHelp = false
  for (const [at, word] of typed.entries()) {
    const rest = typed.slice(at)
    if (commands.findCommand(known.join(':')) !== undefined)
      return { names: [...known, ...rest], isHelp, candidates: [] }
    const { name, candidates } = wholeName(commands, known, word, isHelp)
    if (name === undefined) return { names: [...known, ...rest], isHelp, candidates }
    if (name === HELP) isHelp = true
    else known.push(name)
  }
  return { names: known, isHelp, candidates: [] }
}

/** Returns the name that a word after `known` stands for; or undefined and the candidates (`Names`). */
function wholeName(
  commands: Commands,
  known: readonly string[],
  word: string,
  isHelp: boolean,
): { name: string | undefined; candidates: string[] } {
  const next = nextNames(commands, known)
  const others = [...(isHelp ? [] : [HELP]), ...(known.length === 0 ? FOREIGN_NOUNS : [])]
  const isWhole =
    next.includes(word) || others.includes(word) || commands.findCommand([...known, word].join(':')) !== undefined
  if (isWhole) return { name: word, candidates: [] }
  const candidates = word === '' ? [] : [...next, ...others].filter((name) => name.startsWith(word))
  const [only = ''] = candidates
  const isUnique = candidates.length === 1 && (isHelp || !IN_FULL.includes([...known, only].join(' ')))
  return { name: isUnique ? only : undefined, candidates }
}

/** Results of `nextNames`, cached because a shell needs them for every line. */
const knownNext = new WeakMap<Commands, Map<string, readonly string[]>>()

/** Returns the words that can follow `names` in the names of commands, without duplicates. */
export function nextNames(commands: Commands, names: readonly string[]): readonly string[] {
  const known = knownNext.get(commands) ?? new Map<string, readonly string[]>()
  knownNext.set(commands, known)
  const key = names.join(':')
  const next = known.get(key) ?? findNext(commands, names)
  known.set(key, next)
  return next
}

function findNext(commands: Commands, names: readonly string[]): string[] {
  const ids = commands.commands
    .filter(({ hidden, aliases, id }) => hidden !== true && !aliases?.includes(id))
    .map(({ id }) => id.split(':'))
    .filter((id) => id.length > names.length && names.every((name, at) => id[at] === name))
  return [...new Set(ids.map((id) => id[names.length] as string))]
}

/**
 * Returns the USAGE error for an abbreviation that is ambiguous, or of a command that cannot be abbreviated.
 *
 * @param known the names before it.
 * @param word the abbreviation.
 * @param candidates the names that it may stand for.
 */
export function notWhole(known: readonly string[], word: string, candidates: readonly string[]): VdcError {
  const typed = [...known, word].join(' ')
  const [only = '', ...more] = candidates.map((name) => [...known, name].join(' '))
  if (more.length === 0) {
    return new VdcError('USAGE', `'${typed}' is short for ${only}, which must be written in full`, {
      hint: `Run: vdc-manage ${only}`,
    })
  }
  return new VdcError('USAGE', `'${typed}' is ambiguous`, {
    hint: `Use one of: ${[only, ...more].join(', ')}`,
  })
}

/**
 * Returns the USAGE error for a topic that only the original's vdc-manage has.
 *
 * @param meant the topic of this program that may be meant, if any.
 */
export function foreignNoun(noun: string, meant: string | undefined): VdcError {
  const other = meant === undefined ? '' : ` Did you mean ${meant}?`
  return new VdcError('USAGE', `'${noun}' is a command of Wakame-vdc's own vdc-manage`, {
    hint: `Use that program; this one manages accounts, images, backup objects and backup storages.${other}`,
  })
}
