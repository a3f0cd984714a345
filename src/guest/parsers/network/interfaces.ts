import { type GuestFiles, join } from '../../tree/guest-files.ts'
import { folderOf, type GuestPath, nameOf, shown } from '../../tree/guest-path.ts'
import { Undecided, Unreadable } from '../../tree/undecided.ts'
import { matchesGlob } from '../glob.ts'
import { wordsOf } from '../lines.ts'
import type { NetworkSetting } from './settings.ts'

const START: GuestPath = '/etc/network/interfaces'
/** Files that one configuration may include. */
const MOST_FILES = 200
/** Names that `source-directory` reads. */
const SOURCED_NAME = /^[\w-]+$/

/** Keywords that start a stanza, and matter to nobody here. */
const OTHER_KEYWORDS = ['mapping', 'no-auto-down', 'no-scripts', 'template']

/** A line, with its words. */
interface LogicalLine {
  line: number
  words: string[]
}

/** An `iface` stanza. */
interface Stanza {
  name: string
  family: string
  method: string
  path: GuestPath
  line: number
  options: { key: string; value: string; path: GuestPath; line: number }[]
}

/** What the files say together. */
interface Interfaces {
  stanzas: Stanza[]
  /** Names of interfaces that start at boot. */
  started: Set<string>
  /** Files to read, of which more are found on the way. */
  queue: GuestPath[]
}

/** Reads interfaces(5), with the files that it includes by `source` and `source-directory`. */
export async function interfacesSettings(files: GuestFiles): Promise<NetworkSetting[]> {
  const all: Interfaces = { stanzas: [], started: new Set(), queue: [START] }
  const read = new Set<GuestPath>()
  for (const path of all.queue) {
    if (read.has(path)) continue
    read.add(path)
    if (read.size > MOST_FILES) throw new Unreadable(`${START} includes more than ${MOST_FILES} files`)
    for (const line of logicalLines((await files.text(path)) ?? '')) await readLine(files, path, line, all)
  }
  const cards = all.stanzas.filter(({ name }) => !/^lo\d*(?::|$)/.test(name))
  return cards.flatMap((stanza) => settingsOf(stanza, all.started))
}

async function readLine(files: GuestFiles, path: GuestPath, { line, words }: LogicalLine, all: Interfaces) {
  const [keyword = '', ...rest] = words
  if (keyword === 'iface') all.stanzas.push(stanzaOf(path, line, rest))
  else if (keyword === 'auto' || keyword.startsWith('allow-')) for (const name of rest) all.started.add(name)
  else if (keyword === 'source') all.queue.push(...(await sourced(files, path, rest)))
  else if (keyword === 'source-directory') all.queue.push(...(await sourcedFolder(files, path, rest)))
  else if (!OTHER_KEYWORDS.includes(keyword))
    all.stanzas.at(-1)?.options.push({ key: keyword, value: rest.join(' '), path, line })
}

function stanzaOf(path: GuestPath, line: number, [name = '', family = '', method = '']: string[]): Stanza {
  return { name, family, method, path, line, options: [] }
}

function settingsOf({ name, family, method, path, line, options }: Stanza, started: ReadonlySet<string>) {
  const settings: NetworkSetting[] = []
  const value = `iface ${name} ${family} ${method}`
  const option = (key: string) => options.filter((each) => each.key === key)
  if (method === 'static') {
    const [address] = option('address')
    if (address === undefined) settings.push({ kind: 'address', path, line, value })
    else settings.push({ kind: 'address', path: address.path, line: address.line, value: `address ${address.value}` })
  }
  // Other protocols, such as IPv6 by router advertisement, do not replace DHCP.
  if (method === 'dhcp' && family === 'inet') settings.push({ kind: 'dhcp', path, line, value })
  const isStarted = started.has(name) || [...started].some((pattern) => pattern.includes('*'))
  if (method === 'dhcp' && !isStarted) settings.push({ kind: 'off', path, line, value: `${value}, without auto` })
  // "random" is made anew each time.
  for (const each of option('hwaddress'))
    if (!/\brandom\b/.test(each.value))
      settings.push({ kind: 'mac', path: each.path, line: each.line, value: `hwaddress ${each.value}` })
  return settings
}

/** Returns the lines with their words; a `\` at the end continues a line. */
function logicalLines(text: string): LogicalLine[] {
  const lines: LogicalLine[] = []
  let open: LogicalLine | undefined
  for (const [at, raw] of text.split('\n').entries()) {
    const trimmed = raw.trim()
    if (open === undefined && (trimmed === '' || trimmed.startsWith('#'))) continue
    const isContinued = trimmed.endsWith('\\')
    const words = wordsOf(isContinued ? trimmed.slice(0, -1) : trimmed)
    if (open === undefined) {
      open = { line: at + 1, words }
      lines.push(open)
    } else open.words.push(...words)
    if (!isContinued) open = undefined
  }
  return lines.filter(({ words }) => words.length > 0)
}

/** Returns the files that a `source` names, with shell wildcards in their names. */
async function sourced(files: GuestFiles, from: GuestPath, words: readonly string[]): Promise<GuestPath[]> {
  const paths: GuestPath[] = []
  for (const word of words) {
    const path = absolute(from, word)
    if (!/[*?[{$`~]/.test(path)) paths.push(path)
    else if (/[*?]/.test(folderOf(path)) || /[[{$`~]/.test(path))
      throw new Undecided(`${shown(from)} includes files by a pattern that is not supported: ${shown(word)}`)
    else
      for (const name of await files.names(folderOf(path)))
        if (!name.startsWith('.') && matchesGlob(name, nameOf(path))) paths.push(join(folderOf(path), name))
  }
  return paths
}

async function sourcedFolder(files: GuestFiles, from: GuestPath, words: readonly string[]): Promise<GuestPath[]> {
  const paths: GuestPath[] = []
  for (const word of words)
    for (const path of await files.matching(absolute(from, word).replace(/\/+$/, ''), SOURCED_NAME))
      if (await files.isFile(path)) paths.push(path)
  return paths
}

function absolute(from: GuestPath, word: string): GuestPath {
  return word.startsWith('/') ? word : join(folderOf(from), word)
}
