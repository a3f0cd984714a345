import { countTypos, mostTypos } from '../../core/nearest.ts'
import { shellWord } from '../../core/shell-word.ts'
import type { Program } from '../start/program.ts'

/** What neighbours of this program, and people, call what it calls otherwise. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  add: ['create', 'new', 'register', 'insert', 'import', 'upload'],
  del: ['delete', 'remove', 'rm', 'destroy', 'unregister'],
  show: ['get', 'info', 'view', 'describe', 'details', 'display'],
  list: ['ls', 'index', 'all', 'find', 'search'],
  modify: ['update', 'edit', 'set', 'change', 'alter', 'enable', 'disable'],
  verify: ['check', 'validate', 'compare'],
  history: ['log', 'changes'],
  undelete: ['restore', 'recover'],
  purge: ['prune', 'gc'],
  label: ['tag', 'property', 'metadata'],
  image: ['img', 'machineimage', 'wmi'],
  account: ['acct', 'project', 'tenant', 'user'],
  backupobject: ['object', 'backup', 'bo'],
  backupstorage: ['storage', 'store', 'bkst'],
  db: ['database', 'schema'],
  status: ['state'],
  migrate: ['migration', 'upgrade', 'init'],
  export: ['dump', 'backup'],
  import: ['restore', 'load'],
  shell: ['console', 'repl', 'interactive'],
  help: ['usage', 'man'],
}
/** What a word that is not the one, but means it, counts beside slips. */
const MEANT = 0.5
const OTHER_ORDER = 0.6
const WITHOUT_TOPIC = 2

/**
 * Finds the command or topic that mistyped words stand for: with slips in them,
 * in another order, written as one, in the plural, with a neighbour's names, or
 * without the topic. A topic that is right stays.
 *
 * @param names the words before the first option; those behind the command's may be its arguments.
 * @param known how many of them are right, as the topic that they name.
 * @param others single words that are known as well.
 * @returns its words; undefined where none is near.
 */
export function nearestCommand(
  program: Program,
  names: readonly string[],
  known: number,
  others: readonly string[],
): string | undefined {
  const ids = program.commands
    .filter(({ hidden, aliases, id }) => hidden !== true && !aliases.includes(id))
    .map(({ id }) => id)
  const topics = program.topics.filter(({ hidden }) => hidden !== true).map(({ name }) => name)
  const scored = [...ids, ...topics]
    .map((id) => id.split(':'))
    .concat(others.map((word) => [word]))
    .filter((words) => words.length > known && (known === 0 || words[0] === names[0]))
    .map((words) => ({ words, cost: Math.min(costOf(names, words), costWithoutTopic(names, words, ids)) }))
    .filter(({ cost }) => cost < Number.POSITIVE_INFINITY)
    // A command before the topic that it is in.
    .sort((a, b) => b.words.length - a.words.length || a.cost - b.cost)
  return scored[0]?.words.join(' ')
}

/**
 * Finds the command that is left out before a file, or the id of a backup object:
 * the only one of its topic that takes a file.
 *
 * @param known how many of the names are right, as the topic.
 * @returns its words and the file, as shells take it; undefined where there is none, or several.
 */
export function commandOfFile(program: Program, names: readonly string[], known: number): string | undefined {
  const file = names[known] as string
  if (!/[./]|^bo-/.test(file)) return undefined
  const topic = names.slice(0, known).join(':')
  const [only, ...more] = program.commands.filter(
    ({ id, aliases, args }) => id.startsWith(`${topic}:`) && !aliases.includes(id) && Object.keys(args)[0] === 'path',
  )
  return only === undefined || more.length > 0 ? undefined : `${only.id.replaceAll(':', ' ')} ${shellWord(file)}`
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

/** The same where only the last word of a command is there, and no other command ends in it: `export`. */
function costWithoutTopic(names: readonly string[], words: readonly string[], ids: readonly string[]): number {
  const ending = `:${names[0]}`
  const [only, ...more] = ids.filter((id) => id.endsWith(ending))
  return more.length === 0 && only === words.join(':') ? WITHOUT_TOPIC : Number.POSITIVE_INFINITY
}

function costOfWord(typed: string, word: string): number {
  if (typed === word) return 0
  // What is the name of another is no slip of this one's.
  const maySlip = !Object.hasOwn(OTHER_NAMES, typed)
  const forms = [bare(typed), bare(typed).replace(/s$/, '')]
  const costs = [word, ...(OTHER_NAMES[word] ?? [])].flatMap((name) =>
    forms.map((form) => {
      const slips = countTypos(form, name)
      // Of a name of two or three letters, one that slipped leaves too little.
      const isNear = slips === 0 || (maySlip && slips <= mostTypos(name) && (name === word || name.length > 3))
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
