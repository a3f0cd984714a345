import { VdcError } from '../../core/errors.ts'
import type { CodeRange, Glob, GlobPart } from '../../db/sql/glob.ts'

/** More than any name takes that is worth a pattern; SQLite refuses patterns beyond 50,000 bytes. */
const LONGEST = 1000

/**
 * Reads a pattern as shells have them: `*` any text, `?` one character, `[abc]`
 * and `[a-z]` one of a set, `[!abc]` one that is not, `\` before a character
 * that stands for itself. It matches whole texts, and case counts.
 *
 * @param option what messages call it, such as `name`.
 * @throws VdcError VALUE_REFUSED for a set that does not end, a range that runs
 *   backwards, or a `\` with nothing behind it.
 */
export function parseGlob(option: string, pattern: string): Glob {
  const refuse = (why: string, hint?: string) =>
    new VdcError('VALUE_REFUSED', `${option} '${pattern}' is no pattern: ${why}`, { hint })
  if (!pattern.isWellFormed() || pattern.includes('\0')) throw refuse('it must be valid text')
  const characters = [...pattern]
  if (characters.length > LONGEST) {
    throw new VdcError('VALUE_REFUSED', `${option} must not be longer than ${LONGEST} characters`)
  }
  const parts: GlobPart[] = []
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string
    if (character === '[') {
      const end = endOfSet(characters, at)
      if (end === -1) throw refuse('the [ has no ]', '\\[ stands for the character itself')
      parts.push(parseSet(characters.slice(at + 1, end), refuse))
      at = end
    } else if (character === '*') {
      if (!isAnyText(parts.at(-1))) parts.push({ any: 'text' })
    } else if (character === '?') {
      parts.push({ any: 'character' })
    } else {
      const literal = character === '\\' ? characters[++at] : character
      if (literal === undefined) throw refuse('nothing follows the \\', '\\\\ stands for the character itself')
      parts.push({ literal })
    }
  }
  return parts
}

function isAnyText(part: GlobPart | undefined): boolean {
  return part !== undefined && 'any' in part && part.any === 'text'
}

/** Where the set that begins at `start` has its `]`; one at its very beginning belongs to it, as in shells. */
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
      throw refuse(`the range ${String.fromCodePoint(from)}-${String.fromCodePoint(to)} runs backwards`)
    }
    set.push([from, to ?? from])
    if (to !== undefined) at += 2
  }
  return { set, negated }
}
