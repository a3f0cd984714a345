/*
 * Limits of a YAML column (dcmgr.md, "YAML columns"). The YAML library recurses for
 * each level of nesting, and a stack overflow within a regular expression ends the
 * whole process. So the text is checked before it is parsed. The counts below are
 * never lower than the depth that the parser can reach, whatever is quoted or
 * commented out. Columns written by Wakame-vdc stay far below these limits.
 */

/** Bytes in a text. Hundreds of volumes take fewer. */
const LONGEST = 16 * 1024
/** Opening brackets in a text. A flow collection has one per level. */
const MOST_BRACKETS = 128
/** Indicators in a line. `- - - x` nests three levels; tags and anchors cost the parser as much. */
const MOST_INDICATORS = 16
/** Spaces at the start of a line. Each may be a level, or two levels for lists in maps. */
const DEEPEST_INDENT = 32
/** Asterisks in a text. For each alias, the parser searches everything before it. */
const MOST_ALIASES = 100
/** Values in a text after its aliases are expanded. */
const MOST_VALUES = 64 * 1024
/** Levels of nesting after aliases are expanded. */
const DEEPEST = 512

/**
 * Checks a text against the limits before it is parsed. Takes linear time.
 *
 * @returns why the text must not be parsed; undefined if it may be.
 */
export function excessIn(text: string): string | undefined {
  const bytes = Buffer.byteLength(text)
  if (bytes > LONGEST) return `it has ${bytes} bytes, more than ${LONGEST}`
  const isTooDeep =
    count(text, /[[{]/g) > MOST_BRACKETS ||
    text.split('\n').some((line) => {
      const indent = line.length - line.trimStart().length
      return indent > DEEPEST_INDENT || count(line, /(?<!\S)[-?:!&]/g) > MOST_INDICATORS
    })
  if (isTooDeep) return 'it is nested too deeply'
  return count(text, /\*/g) > MOST_ALIASES ? `it has more than ${MOST_ALIASES} aliases` : undefined
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

/**
 * Renames the keys of all maps in a parsed value.
 *
 * @returns a copy with the new keys.
 * @throws Error if aliases make the value too large or too deep, or if an alias refers to a node that contains it.
 */
export function withKeys(value: unknown, rename: (key: string) => string): unknown {
  let left = MOST_VALUES
  const copy = (each: unknown, depth: number): unknown => {
    if (depth > DEEPEST) throw new Error('it contains itself')
    if (--left < 0) throw new Error(`its aliases expand to more than ${MOST_VALUES} values`)
    if (Array.isArray(each)) return each.map((item) => copy(item, depth + 1))
    if (typeof each !== 'object' || each === null) return each
    return Object.fromEntries(Object.entries(each).map(([key, field]) => [rename(key), copy(field, depth + 1)]))
  }
  return copy(value, 0)
}
