import { existsSync, statSync } from 'node:fs'
import { countTypos, mostTypos } from '../../core/nearest.ts'
import { shellWord } from '../../core/shell-word.ts'
import { isUrl, withoutSecrets } from '../../core/url.ts'
import type { Program } from '../start/program.ts'

/** Other names of commands and topics, from similar programs and common usage. */
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
/*
 * Costs of differences other than typos; a typo costs 1 per character.
 */
const OTHER_NAME = 0.5
const OTHER_ORDER = 0.6
const WITHOUT_TOPIC = 2

/**
 * Finds the command or topic that mistyped words may stand for: with typos, in another order, as one
 * word, in the plural, with the names of similar programs, or without the topic.
 *
 * @param names the words before the first option; the last ones may be arguments.
 * @param known the number of words at the start that are a correct topic, which is kept.
 * @param others other known words.
 * @returns the words of the command or topic; undefined if none is similar.
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
    // Prefer a command to the topic that it is in.
    .sort((a, b) => b.words.length - a.words.length || a.cost - b.cost)
  return scored[0]?.words.join(' ')
}

/** Verbs of several topics. Without a topic, they are about images. */
const OF_IMAGES = ['add', 'del', 'list', 'modify', 'show'].map((verb) => `image ${verb}`)

/**
 * Finds the command on images that a verb without a topic stands for, such as `list`.
 *
 * @returns the words of the command; undefined if the first word is no such verb.
 */
export function imageCommand(program: Program, names: readonly string[]): string | undefined {
  const meant = nearestCommand(program, ['image', names[0] as string], 1, [])
  return meant !== undefined && OF_IMAGES.includes(meant) ? meant : undefined
}

/**
 * Finds the command that is missing before files, the ID of a backup object or a URL: the only command of
 * the topic that takes it.
 *
 * @param known the number of words at the start that are a topic.
 * @returns the words of the command and all arguments, quoted for sh; undefined if there is no such command, or several.
 */
export function commandOfFile(program: Program, names: readonly string[], known: number): string | undefined {
  const given = names.slice(known)
  const [first = ''] = given
  if (!/[./]|^bo-/.test(first) && !existsSync(first)) return undefined
  const taken = isUrl(first) ? 'url' : 'path'
  const topic = names.slice(0, known).join(':')
  const [only, ...more] = program.commands.filter(
    ({ id, aliases, args }) => id.startsWith(`${topic}:`) && !aliases.includes(id) && Object.keys(args)[0] === taken,
  )
  if (only === undefined || more.length > 0) return undefined
  const recursive = taken === 'path' && 'recursive' in only.flags && hasFolder(given) ? ['--recursive'] : []
  const shown = given.map((word) => shellWord(withoutSecrets(word)))
  return [only.id.replaceAll(':', ' '), ...recursive, ...shown].join(' ')
}

/** Returns true if any of the words is a folder. */
function hasFolder(words: readonly string[]): boolean {
  return words.some((word) => statSync(word, { throwIfNoEntry: false })?.isDirectory() === true)
}

/** Returns how much the typed words differ from those of a command; infinite if they are not similar. */
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

/** The cost if spaces are missing or added: `imagelist`, `backup-object list`. */
function costAsOne(names: readonly string[], words: readonly string[]): number {
  const whole = words.join('')
  const starts = names.map((_, at) => bare(names.slice(0, at + 1).join('')))
  return starts.includes(whole) ? OTHER_NAME : Number.POSITIVE_INFINITY
}

/** The cost if only the last word of a command is given, and no other command ends with it: `export`. */
function costWithoutTopic(names: readonly string[], words: readonly string[], ids: readonly string[]): number {
  const ending = `:${names[0]}`
  const [only, ...more] = ids.filter((id) => id.endsWith(ending))
  return more.length === 0 && only === words.join(':') ? WITHOUT_TOPIC : Number.POSITIVE_INFINITY
}

function costOfWord(typed: string, word: string): number {
  if (typed === word) return 0
  // The name of another command is not a typo of this one.
  const maySlip = !Object.hasOwn(OTHER_NAMES, typed)
  const forms = [bare(typed), bare(typed).replace(/s$/, '')]
  const costs = [word, ...(OTHER_NAMES[word] ?? [])].flatMap((name) =>
    forms.map((form) => {
      const slips = countTypos(form, name)
      // With a typo, too little is left of a name of two or three letters.
      const isNear = slips === 0 || (maySlip && slips <= mostTypos(name) && (name === word || name.length > 3))
      return isNear ? slips + (name === word && slips > 0 ? 0 : OTHER_NAME) : Number.POSITIVE_INFINITY
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
