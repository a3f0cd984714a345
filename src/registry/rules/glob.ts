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
  const refuse = (why: string, hint?: string) =>
    new VdcError('VALUE_REFUSED', `${option} '${pattern}' is not a valid pattern: ${why}`, { hint })
  if (!pattern.isWellFormed() || pattern.includes('\0')) throw refuse('it must be valid Unicode text')
  const characters = [...pattern]
  if (characters.length > LONGEST) {
    throw new VdcError('VALUE_REFUSED', `${option} must not be longer than ${LONGEST} characters`)
  }
  const parts: GlobPart[] = []
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string
    if (character === '[') {
      const end = endOfSet(characters, at)
      if (end === -1) throw refuse('[ has no matching ]', 'Write \\[ to match the character [')
      parts.push(parseSet(characters.slice(at + 1, end), refuse))
      at = end
    } else if (character === '*') {
      if (!isAnyText(parts.at(-1))) parts.push({ any: 'text' })
    } else if (character === '?') {
      parts.push({ any: 'character' })
    } else {
      const literal = character === '\\' ? characters[++at] : character
      if (literal === undefined) throw refuse('nothing follows the \\', 'Write \\\\ to match the character \\')
      parts.push({ literal })
    }
  }
  return parts
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

function parseSet(inside: readonly string[], refuse: (why: string) => VdcError): GlobPart {
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
