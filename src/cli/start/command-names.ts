import type { Command } from '@oclif/core'
import { VdcError } from '../../core/errors.ts'

/** The commands of the program; oclif's Config is one. */
export interface Commands {
  readonly commands: readonly Command.Loadable[]
  findCommand(id: string): Command.Loadable | undefined
  /** What topics are, by their names with colons. */
  readonly topics: readonly { name: string; description?: string | undefined }[]
}

/** What shows help, in place of a command. */
const HELP = 'help'
/** What the original's vdc-manage also has commands for, in one release or another. */
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
/** Commands that run by their whole name only: the original has none like them, and nothing brings back what they change. */
const IN_FULL: readonly string[] = ['image purge', 'db migrate']

/** The names that words begin with. */
export interface Names {
  /** Whole, as far as they are known; the others as they were typed. */
  names: string[]
  /** Help is asked for: `help image add`, `image help add`. */
  isHelp: boolean
  /** The names that the first one which is not known may stand for, where these are several; or one that runs in full only. */
  candidates: string[]
}

/**
 * Completes names that are shortened, as thor takes them: any beginning that
 * only one command or topic has. A whole name is taken before a longer one, and
 * aliases only as a whole.
 *
 * @param typed the words before the first option; those behind a command are its arguments.
 */
export function wholeNames(commands: Commands, typed: readonly string[]): Names {
  const known: string[] = []
  let isHelp = false
  for (const [at, word] of typed.entries()) {
    const rest = typed.slice(at)
    if (commands.findCommand(known.join(':')) !== undefined)
      return { names: [...known, ...rest], isHelp, candidates: [] }
    const next = nextNames(commands, known)
    if (next.includes(word)) {
      known.push(word)
      continue
    }
    const others = [...(isHelp ? [] : [HELP]), ...(known.length === 0 ? FOREIGN_NOUNS : [])]
    const isWhole = others.includes(word) || commands.findCommand([...known, word].join(':')) !== undefined
    const candidates = isWhole || word === '' ? [] : [...next, ...others].filter((name) => name.startsWith(word))
    const found = isWhole ? word : candidates.length === 1 ? candidates[0] : undefined
    const id = [...known, found].join(' ')
    if (found === undefined || (!isWhole && !isHelp && IN_FULL.includes(id))) {
      return { names: [...known, ...rest], isHelp, candidates }
    }
    if (found === HELP) isHelp = true
    else known.push(found)
  }
  return { names: known, isHelp, candidates: [] }
}

/** Results of `nextNames`, which a shell needs for every line. */
const knownNext = new WeakMap<Commands, Map<string, readonly string[]>>()

/** The names with which those of commands go on, once each. */
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
 * The refusal of a name that is shortened too much, or may not be.
 *
 * @param known the names before it.
 * @param word as it was typed.
 */
export function notWhole(known: readonly string[], word: string, candidates: readonly string[]): VdcError {
  const typed = [...known, word].join(' ')
  const [only = '', ...more] = candidates.map((name) => [...known, name].join(' '))
  if (more.length === 0) {
    return new VdcError('USAGE', `'${typed}' is short for ${only}, which runs only by its full name`, {
      hint: `Write: vdc-manage ${only}`,
    })
  }
  return new VdcError('USAGE', `'${typed}' may be short for several commands`, {
    hint: `Write one of: ${[only, ...more].join(', ')}`,
  })
}

/**
 * The refusal of a noun that the original's vdc-manage has commands for, and this one has not.
 *
 * @param meant the noun of this program that it may be meant for, if any.
 */
export function foreignNoun(noun: string, meant: string | undefined): VdcError {
  const other = meant === undefined ? '' : ` Did you mean ${meant}?`
  return new VdcError('USAGE', `'${noun}' belongs to Wakame-vdc's own vdc-manage`, {
    hint: `Run it there; this one manages accounts, images, backup objects and backup storages.${other}`,
  })
}
