import type { Knex } from 'knex'
import type { Database } from '../database.ts'

/** A range of code points, both ends included. */
export type CodeRange = readonly [from: number, to: number]

/** A part of a pattern: literal text; any text or any character; one character that is, or is not, in a set. */
export type GlobPart =
  | { literal: string }
  | { any: 'text' | 'character' }
  | { set: readonly CodeRange[]; negated: boolean }

/** A pattern that a whole text must match. Case and spaces count. */
export type Glob = readonly GlobPart[]

/** Restricts a query to rows whose column matches a pattern. */
export function whereGlob(database: Database, query: Knex.QueryBuilder, column: string, glob: Glob): void {
  if (database.engine === 'sqlite') {
    query.whereRaw('?? GLOB ?', [column, sqliteGlob(glob)])
    return
  }
  // The collation of the column ignores case, and its character set may lack characters of the pattern.
  const text = 'CONVERT(?? USING utf8mb4) COLLATE utf8mb4_bin'
  // LIKE is cheaper, but has no sets.
  if (glob.some((part) => 'set' in part)) query.whereRaw(`${text} REGEXP ?`, [column, regexp(glob)])
  else query.whereRaw(`${text} LIKE ? ESCAPE '|'`, [column, like(glob)])
}

function like(glob: Glob): string {
  return glob
    .map((part) => {
      if ('any' in part) return part.any === 'text' ? '%' : '_'
      return 'literal' in part ? part.literal.replace(/[%_|]/g, '|$&') : ''
    })
    .join('')
}

/** Returns a regular expression for PCRE (MariaDB) and ICU (MySQL). All but letters and digits are written as code points. */
function regexp(glob: Glob): string {
  const parts = glob.map((part) => {
    if ('any' in part) return part.any === 'text' ? '.*' : '.'
    if ('literal' in part)
      return [...part.literal].map((character) => code(character.codePointAt(0) as number)).join('')
    return `[${part.negated ? '^' : ''}${part.set.map(([from, to]) => `${code(from)}-${code(to)}`).join('')}]`
  })
  return `(?s)\\A${parts.join('')}\\z`
}

function code(point: number): string {
  const character = String.fromCodePoint(point)
  return /[A-Za-z0-9]/.test(character) ? character : `\\x{${point.toString(16)}}`
}

/** Returns a pattern for SQLite's GLOB. It has no escapes, so each special character is put into a set. */
function sqliteGlob(glob: Glob): string {
  return glob
    .map((part) => {
      if ('any' in part) return part.any === 'text' ? '*' : '?'
      if ('literal' in part) return part.literal.replace(/[*?[]/g, '[$&]')
      return sqliteSet(part.set, part.negated)
    })
    .join('')
}

/** Returns a set for GLOB. In a set, `]` must come first, `-` last, and `^` must not come first. */
function sqliteSet(set: readonly CodeRange[], negated: boolean): string {
  const has = (special: string) => includes(set, special.charCodeAt(0))
  const ranges = [']', '^', '-'].reduce((left, special) => without(left, special.charCodeAt(0)), set)
  const inside = ranges.map(([from, to]) => `${String.fromCodePoint(from)}-${String.fromCodePoint(to)}`).join('')
  const start = (negated ? '^' : '') + (has(']') ? ']' : '') + inside
  if (!has('^')) return `[${start}${has('-') ? '-' : ''}]`
  // A `-` at the start is literal.
  if (start === '') return has('-') ? '[-^]' : '^'
  return `[${start}^${has('-') ? '-' : ''}]`
}

function includes(set: readonly CodeRange[], point: number): boolean {
  return set.some(([from, to]) => from <= point && point <= to)
}

function without(set: readonly CodeRange[], point: number): CodeRange[] {
  return set.flatMap(([from, to]): CodeRange[] => {
    if (point < from || to < point) return [[from, to]]
    const halves: CodeRange[] = [
      [from, point - 1],
      [point + 1, to],
    ]
    return halves.filter(([first, last]) => first <= last)
  })
}
