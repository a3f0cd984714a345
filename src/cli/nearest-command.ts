import type { Config } from '@oclif/core'
import { allowedIn, slipsBetween } from '../nearest.ts'

/** What neighbours of this program, and people, call what it calls otherwise. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  add: ['create', 'new', 'register', 'insert', 'import', 'upload'],
  del: ['delete', 'remove', 'rm', 'destroy', 'unregister'],
  show: ['get', 'info', 'view', 'describe', 'details', 'display'],
  list: ['ls', 'index', 'all', 'find', 'search'],
  modify: ['update', 'edit', 'set', 'change', 'alter'],
  verify: ['check', 'validate', 'compare'],
  history: ['log', 'changes'],
  label: ['tag', 'property', 'metadata'],
  image: ['img', 'machineimage', 'wmi'],
  account: ['acct', 'project', 'tenant', 'user'],
  backupobject: ['object', 'backup', 'bo'],
  backupstorage: ['storage', 'store', 'bkst'],
  db: ['database', 'schema'],
  status: ['state'],
  migrate: ['migration', 'upgrade', 'init'],
  shell: ['console', 'repl', 'interactive'],
  help: ['usage', 'man'],
}
/** What a word that is not the one, but means it, counts beside slips. */
const MEANT = 0.5
const OTHER_ORDER = 0.6

/**
 * Finds the command or topic that mistyped words stand for: with slips in them,
 * in another order, written as one, in the plural, or with a neighbour's names.
 *
 * @param names the words before the first option; those behind the command's may be its arguments.
 * @param known how many of them are right, as the topic that they name.
 * @param others single words that are known as well.
 * @returns its words; undefined where none is near.
 */
export function nearestCommand(
  config: Config,
  names: readonly string[],
  known: number,
  others: readonly string[],
): string | undefined {
  const ids = config.commands
    .filter(({ hidden, aliases, id }) => hidden !== true && !aliases.includes(id))
    .map(({ id }) => id)
  const topics = config.topics.filter(({ hidden }) => hidden !== true).map(({ name }) => name)
  const scored = [...ids, ...topics]
    .map((id) => id.split(':'))
    .concat(others.map((word) => [word]))
    .filter(({ length }) => length > known)
    .map((words) => ({ words, cost: costOf(names, words) }))
    .filter(({ cost }) => cost < Number.POSITIVE_INFINITY)
    // A command before the topic that it is in.
    .sort((a, b) => b.words.length - a.words.length || a.cost - b.cost)
  return scored[0]?.words.join(' ')
}

/** How far the words that were typed are from those of a command; infinite where they are no slip of it. */
function costOf(names: readonly string[], words: readonly string[]): number {
  const costs = [costAsOne(names, words)]
  if (names.length >= words.length) {
    for (const order of ordersOf(names.slice(0, words.length))) {
      const cost = order.reduce((sum, name, at) => sum + costOfWord(name, words[at] as string), 0)
      costs.push(cost + (order.every((name, at) => name === names[at]) ? 0 : OTHER_ORDER))
    }
  }
  return Math.min(...costs)
}

/** The same where blanks are missing or too many: `imagelist`, `backup-object list`. */
function costAsOne(names: readonly string[], words: readonly string[]): number {
  const whole = words.join('')
  const starts = names.map((_, at) => bare(names.slice(0, at + 1).join('')))
  return starts.includes(whole) ? MEANT : Number.POSITIVE_INFINITY
}

function costOfWord(typed: string, word: string): number {
  if (typed === word) return 0
  const forms = [bare(typed), bare(typed).replace(/s$/, '')]
  const costs = [word, ...(OTHER_NAMES[word] ?? [])].flatMap((name) =>
    forms.map((form) => {
      const slips = slipsBetween(form, name)
      // Of a name of two or three letters, one that slipped leaves too little.
      const isNear = slips === 0 || (slips <= allowedIn(name) && (name === word || name.length > 3))
      return isNear ? slips + (name === word && slips > 0 ? 0 : MEANT) : Number.POSITIVE_INFINITY
    }),
  )
  return Math.min(...costs)
}

function bare(typed: string): string {
  return typed.toLowerCase().replace(/[-_:./]/g, '')
}

function ordersOf(names: readonly string[]): string[][] {
  if (names.length <= 1) return [[...names]]
  return names.flatMap((first, at) =>
    ordersOf(names.filter((_, other) => other !== at)).map((rest) => [first, ...rest]),
  )
}
