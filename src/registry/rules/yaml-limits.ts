/*
 * Limits of a YAML column (dcmgr.md, "YAML columns"). The library
 * that parses it calls itself for each level of nesting, and a stack that is used
 * up within a regular expression ends the whole process; so the text is looked at
 * before. The counts below are never lower than the depth that a parser can reach,
 * whatever is quoted or commented out; columns that Wakame-vdc wrote are far below.
 */

/** Bytes of a text; hundreds of volumes take fewer. */
const LONGEST = 16 * 1024
/** Opening brackets in the whole text: a flow collection has one for each level. */
const MOST_BRACKETS = 128
/** Indicators in a line: `- - - x` nests three levels, and tags and anchors cost the parser as much. */
const MOST_INDICATORS = 16
/** Spaces at the start of a line: each may be a level, or two where lists are in maps. */
const DEEPEST_INDENT = 32
/** Asterisks: the parser goes through all that comes before for each alias. */
const MOST_ALIASES = 100
/** Values that aliases may make of a text, and levels of them. */
const [MOST_VALUES, DEEPEST] = [64 * 1024, 512]

/**
 * Says why a text must not be parsed, in linear time.
 *
 * @returns undefined where it may be.
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
  if (isTooDeep) return 'it nests too deep'
  return count(text, /\*/g) > MOST_ALIASES ? `it has more than ${MOST_ALIASES} aliases` : undefined
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

/**
 * Rewrites the keys of all maps in a value that was parsed.
 *
 * @throws Error for what is nested or aliased beyond all bounds, as where an alias stands within its own anchor.
 */
export function withKeys(value: unknown, rename: (key: string) => string): unknown {
  let left = MOST_VALUES
  const copy = (each: unknown, depth: number): unknown => {
    if (depth > DEEPEST) throw new Error('it refers to itself')
    if (--left < 0) throw new Error(`its aliases make more than ${MOST_VALUES} values`)
    if (Array.isArray(each)) return each.map((item) => copy(item, depth + 1))
    if (typeof each !== 'object' || each === null) return each
    return Object.fromEntries(Object.entries(each).map(([key, field]) => [rename(key), copy(field, depth + 1)]))
  }
  return copy(value, 0)
}
