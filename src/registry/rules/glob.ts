import { VdcError } from '../../core/errors.ts'
import type { CodeRange, Glob, GlobPart } from '../../db/sql/glob.ts'

/** Longest pattern in characters. SQLite refuses patterns of more than 50,000 bytes. */
const LONGEST = 1000

/**
 * Parses a shell pattern: `*` matches any text, `?` one character, `[abc]` and
 * `[a-z]` one character of a set, `[!abc]` one character outside it; `\` escapes a
 * character. Patterns match the whole text and are case-sensitive.
 *
 * @param option name of the option for error messages, such as `name`.
 * @throws VdcError VALUE_REFUSED if a set is not closed, if a range is reversed, if
 *   nothing follows a `\`, or if the pattern is too long or not valid Unicode.
 */
export function parseGlob(option: string, pattern: string): Glob {
  const refuse: Refuse = (why, hint) =>
    new VdcError('VALUE_REFUSED', `${option} '${pattern}' is not a valid pattern: ${why}`, { hint })
  if (!pattern.isWellFormed() || pattern.includes('\0')) throw refuse('it must be valid Unicode text')
  const characters = [...pattern]
  if (characters.length > LONGEST) {
    throw new VdcError('VALUE_REFUSED', `${option} must not be longer than ${LONGEST} characters`)
  }
  const parts: GlobPart[] = []
  for (let at = 0; at < characters.length; ) {
    const { part, length } = partAt(characters, at, refuse)
    if (!isAnyText(part) || !isAnyText(parts.at(-1))) parts.push(part)
    at += length
  }
  return parts
}

type Refuse = (why: string, hint?: string) => VdcError

/** Parses the part that begins at an index. Returns it with its length in characters. */
function partAt(characters: readonly string[], at: number, refuse: Refuse): { part: GlobPart; length: number } {
  const character = characters[at] as string
  if (character === '*') return { part: { any: 'text' }, length: 1 }
  if (character === '?') return { part: { any: 'character' }, length: 1 }
  if (character === '\\') {
    const literal = characters[at + 1]
    if (literal === undefined) throw refuse('nothing follows the \\', 'Write \\\\ to match the character \\')
    return { part: { literal }, length: 2 }
  }
  if (character !== '[') return { part: { literal: character }, length: 1 }
  const end = endOfSet(characters, at)
  if (end === -1) throw refuse('[ has no matching ]', 'Write \\[ to match the character [')
  return { part: parseSet(characters.slice(at + 1, end), refuse), length: end - at + 1 }
}

function isAnyText(part: GlobPart | undefined): boolean {
  return part !== undefined && 'any' in part && part.any === 'text'
}

/** Returns the index of the `]` that closes the set at `start`, or -1. As in shells, a `]` right at the beginning belongs to the set. */
function endOfSet(characters: readonly string[], start: number): number {
  const first = start + (isNegation(characters[start + 1]) ? 2 : 1)
  for (let at = first; at < characters.length; at++) {
    if (characters[at] === '\\') at++
    else if (characters[at] === ']' && at > first) return at
  }
  return -1
}

function isNegation(character: string | undefined): boolean {
  return character === '!' || character === '^'
}

function parseSet(inside: readonly string[], refuse: Refuse): GlobPart {
  const negated = isNegation(inside[0])
  const points: { point: number; isEscaped: boolean }[] = []
  for (let at = negated ? 1 : 0; at < inside.length; at++) {
    const isEscaped = inside[at] === '\\' && at + 1 < inside.length
    if (isEscaped) at++
    points.push({ point: inside[at]?.codePointAt(0) as number, isEscaped })
  }
  const isDash = (index: number) => points[index]?.point === 0x2d && !points[index].isEscaped
  const set: CodeRange[] = []
  for (let at = 0; at < points.length; at++) {
    const from = points[at]?.point as number
    const to = isDash(at + 1) ? points[at + 2]?.point : undefined
    if (to !== undefined && to < from) {
      throw refuse(`the range ${String.fromCodePoint(from)}-${String.fromCodePoint(to)} is reversed`)
    }
    set.push([from, to ?? from])
    if (to !== undefined) at += 2
  }
  return { set, negated }
}
