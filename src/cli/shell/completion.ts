import { readdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Candidate, candidatesFor, candidatesOf, type FindIds } from '../completion/candidates.ts'
import type { SharedSession } from '../session/shared-session.ts'
import { CLEAR, ENDS, SHELL } from '../start/dispatch.ts'
import type { Program } from '../start/program.ts'
import { printable } from '../terminal/escape.ts'
import { withoutProgram } from './run-line.ts'
import { splitLine } from './words.ts'

/** Milliseconds to wait for candidates, for example from a database that does not respond. */
const PATIENCE = 1500

/**
 * Completes a line of the shell: commands, options, their values, IDs from the database, and files.
 *
 * @param line the line up to the cursor, including the lines that it continues.
 * @returns candidates, and the end of the line that they replace, in the form that Node's readline
 *   expects. Never fails: if a lookup fails, there are no candidates.
 */
export async function completeLine(program: Program, shared: SharedSession, line: string): Promise<[string[], string]> {
  const { words, open } = splitLine(line)
  // After a space, a new word starts, unless the space is escaped.
  const isBetween = splitLine(`${line}x`).words.length > words.length
  const last = isBetween ? undefined : words.at(-1)
  const typed = last?.value ?? ''
  const written = last === undefined ? '' : line.slice(last.start)
  const ended = (isBetween ? words : words.slice(0, -1)).map(({ value }) => value)
  const before = withoutProgram(program, ended)
  const quote = open === '\\' ? undefined : open
  // Other words with quotes are not completed, because their text in the line differs from their value.
  const plain = quote === undefined ? [typed, escaped(typed)] : [quote + typed]
  if (open === '\\' || !plain.includes(written)) return [[], written]
  const fitting = await Promise.race([
    fittingWords(program, shared, before, typed).catch(() => []),
    sleep(PATIENCE, [] as string[], { ref: false }),
  ])
  const [only] = fitting
  const isWhole = fitting.length === 1 && only !== undefined && !only.endsWith('/') && !only.endsWith('=')
  const added = fitting.flatMap((each) => inQuotes(each.slice(typed.length), quote) ?? [])
  return [added.map((rest) => `${written}${rest}${isWhole ? `${quote ?? ''} ` : ''}`), written]
}

/** Escapes a part of a word that is not in quotes. */
function escaped(text: string): string {
  return text.replace(/[ \t'"\\#|;<>&]/g, '\\$&')
}

/** Escapes a part of a word after an open quote, if there is one. Returns undefined if that cannot be. */
function inQuotes(text: string, quote: '"' | "'" | undefined): string | undefined {
  if (quote === undefined) return escaped(text)
  if (quote === "'") return text.includes("'") ? undefined : text
  return text.replace(/["$`\\]/g, '\\$&')
}

/** Returns the matching words, sorted. */
async function fittingWords(program: Program, shared: SharedSession, before: string[], typed: string) {
  const { words, files } = await candidatesFor(program, (...wanted) => idsFor(shared, ...wanted), before, typed)
  const values = words.map(({ value }) => value)
  if (files) values.push(...filesFor(typed))
  if (before.length > 0) return [...new Set(values)].sort()
  // This is the shell already, and its options come before the prompt.
  const here = values.filter((value) => value !== SHELL && !value.startsWith('-'))
  return [...here, ...[...ENDS, CLEAR].filter((word) => word.startsWith(typed))].sort()
}

async function idsFor(
  shared: SharedSession,
  ...[kind, life, typed, which = 'both']: Parameters<FindIds>
): Promise<Candidate[]> {
  const { suggestIds, suggestNames } = await import('../../registry/suggest-ids.ts')
  const registry = await shared.getToRead()
  if (registry === undefined) return []
  const ids = which === 'names' ? [] : await suggestIds(registry, kind, life, typed)
  const names = which === 'ids' ? [] : await suggestNames(registry, kind, life, typed)
  return candidatesOf(ids, names)
}

/** Returns the files whose paths start with `typed`, which may be `--option=path`. */
function filesFor(typed: string): string[] {
  const option = /^--[^=]+=/.exec(typed)?.[0] ?? ''
  const path = typed.slice(option.length)
  const folder = path.endsWith('/') ? path : dirname(path)
  const start = path.endsWith('/') ? '' : basename(path)
  const prefix = option + path.slice(0, path.length - start.length)
  const entries = readdirSync(folder === '' ? '.' : folder, { withFileTypes: true })
  return (
    entries
      .filter(({ name }) => name.startsWith(start) && (start.startsWith('.') || !name.startsWith('.')))
      // A line cannot contain newlines and other control characters.
      .filter(({ name }) => printable(name) === name)
      .map((entry) => prefix + entry.name + (entry.isDirectory() ? '/' : ''))
  )
}
