import { setTimeout as sleep } from 'node:timers/promises'
import { monotonicTime } from '../../core/clock.ts'
import { splitLine } from '../shell/words.ts'
import { Program } from '../start/program.ts'
import { usedParts } from '../start/used-parts.ts'
import { printable } from '../terminal/escape.ts'
import { candidatesFor, candidatesOf, type FindIds } from './candidates.ts'

/** Milliseconds since the start of the process after which it ends, to answer within 300. */
const END = 270
/** The least time for the database, as a share of the time it took to load the program. */
const DATABASE_SHARE = 0.6
/** Milliseconds to wait for another process's lock on an SQLite file. */
const LOCK_TIMEOUT = 80
/** Milliseconds to wait for the connection to close. */
const CLOSE_TIMEOUT = 20

/**
 * Answers the scripts of `vdc-manage completion`. The first line is `files` if the shell should
 * also offer files, or `words`. Then follow the matching words, one per line, each with its
 * description after a tab. Errors print nothing. Nothing is written to the database. oclif is not
 * loaded, because that takes longer than everything else here.
 *
 * @param argv the shell; `--`; for bash, the characters at which it breaks words, and the line up
 *   to the cursor; for other shells, the words up to the cursor, without the program's name.
 * @param root folder of the package.
 */
export async function answerCompletion(argv: readonly string[], root: string): Promise<never> {
  usedParts.add('completion')
  process.stdout.on('error', () => {})
  try {
    process.stdout.write(await answerTo(argv[0] ?? '', argv.slice(2), root))
  } catch {
    // The user is typing, and an error would garble the line.
  }
  // Do not wait for answers of a server that are still pending.
  process.exit(0)
}

async function answerTo(shell: string, typed: readonly string[], root: string): Promise<string> {
  const { before, word, cut, quote } = shell === 'bash' ? fromLine(typed) : fromWords(typed)
  const ids: FindIds = (...wanted) => findIds(...wanted).catch(() => [])
  const { words, files } = await candidatesFor(new Program(root, {}), ids, before, word)
  const lines = words.flatMap(({ value, about }) => {
    if (shell === 'bash') return quotedForBash(printable(value).slice(cut), quote) ?? []
    return about ? `${printable(value)}\t${printable(about).replace(/\.$/, '')}` : printable(value)
  })
  return [files ? 'files' : 'words', ...lines].map((line) => `${line}\n`).join('')
}

function fromWords(words: readonly string[]) {
  return { before: words.slice(0, -1), word: words.at(-1) ?? '', cut: 0, quote: undefined }
}

/**
 * Parses the line of bash. If a word contains a character at which bash breaks words, such as `=`,
 * bash replaces only the part after it; `cut` is the length of the value of the part before. In an
 * open quote, it replaces what follows the quote.
 */
function fromLine([breaks = '', line = '']: readonly string[]) {
  const { words, open } = splitLine(line)
  const isBetween = open === undefined && splitLine(`${line}x`).words.length > words.length
  const last = isBetween ? undefined : words.at(-1)
  const word = last?.value ?? ''
  const cut = last === undefined || open !== undefined ? 0 : cutOf(last.bare, breaks)
  const before = (isBetween ? words : words.slice(0, -1)).map(({ value }) => value)
  return { before: before.slice(1), word, cut, quote: open === '\\' ? undefined : open }
}

/** Returns the length of a word up to its last character that breaks words. Quoted characters, which are `\0` in it, do not. */
function cutOf(bare: string, breaks: string): number {
  return Math.max(...[...breaks].map((character) => bare.lastIndexOf(character)), -1) + 1
}

/** Characters that mean nothing to bash in any place of a word. */
const PLAIN = /[^\w%+,./:=@\u0080-\u{10ffff}-]/gu

/**
 * Quotes a completion for bash, which inserts it as it is: names are given by others, and could
 * contain commands.
 *
 * @param quote the quote that is open before it.
 * @returns undefined if it cannot be quoted.
 */
function quotedForBash(text: string, quote: '"' | "'" | undefined): string | undefined {
  if (quote === undefined) return text.replace(PLAIN, '\\$&')
  if (quote === "'") return text.replaceAll("'", String.raw`'\''`)
  // In double quotes, bash replaces !word by an earlier command, and nothing prevents that.
  return text.includes('!') ? undefined : text.replace(/["$`\\]/g, '\\$&')
}

const findIds: FindIds = async (kind, life, typed, which = 'both') => {
  const [{ loadDatabaseSettings }, { openRegistryToRead }, { suggestIds, suggestNames }] = await Promise.all([
    import('../../config/config.ts'),
    import('../../registry/open.ts'),
    import('../../registry/suggest-ids.ts'),
  ])
  const settings = loadDatabaseSettings(process.env)
  usedParts.add(settings.engine)
  const registry = await openRegistryToRead(settings, { patience: LOCK_TIMEOUT })
  if (registry === undefined) return []
  const loaded = monotonicTime()
  const isLate = sleep(Math.max(END - loaded, DATABASE_SHARE * loaded), [])
  const ids = which === 'names' ? [] : await Promise.race([suggestIds(registry, kind, life, typed), isLate])
  // IDs are quick to find; if names are not, only IDs are offered.
  const names = which === 'ids' ? [] : await Promise.race([suggestNames(registry, kind, life, typed), isLate])
  // A server logs connections that are not closed; do not wait for a slow one.
  if (ids.length + names.length > 0) await Promise.race([registry.close(), sleep(CLOSE_TIMEOUT)])
  return candidatesOf(ids, names)
}
