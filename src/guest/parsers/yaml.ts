import { excessIn } from '../../core/yaml-limits.ts'
import { shown } from '../tree/guest-path.ts'
import { Unreadable } from '../tree/undecided.ts'

/** Keys and items of lists in a file, with those that aliases repeat. */
const MOST_VALUES = 5000
const DEEPEST = 32

/** A value in a YAML file, with the keys that lead to it. */
export interface YamlEntry {
  keys: readonly string[]
  /** A scalar; for a list, its scalars, and of maps in it the first key; undefined for a map. */
  value: unknown
  line: number
  place: YamlPlace
}

/** Where a key with its value is in a text, as offsets. */
export interface YamlPlace {
  start: number
  end: number
  /** Where the one before it in its map ends; undefined if it is the first one. */
  previousEnd: number | undefined
  /** Where the next one starts; undefined if it is the last one. */
  nextStart: number | undefined
  /** Whether the map is in braces. */
  isFlow: boolean
}

/**
 * Reads a YAML file of a guest within limits, because the parser recurses.
 *
 * @param path the file, for messages.
 * @returns all keys of nested maps, the outer ones first.
 * @throws Unreadable if it is not valid YAML, or exceeds the limits.
 */
export async function yamlEntries(path: string, text: string): Promise<YamlEntry[]> {
  const excess = excessIn(text)
  if (excess !== undefined) throw new Unreadable(`${shown(path)} cannot be read: ${excess}`)
  const { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } = await import('yaml')
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, logLevel: 'silent', merge: false })
  if (document.errors.length > 0) throw new Unreadable(`${shown(path)} is not valid YAML`)
  const entries: YamlEntry[] = []
  let left = MOST_VALUES
  const visit = (node: unknown, keys: readonly string[]) => {
    if (!isMap(node)) return
    for (const [at, { key, value }] of node.items.entries()) {
      const name = [...keys, String(scalarOf(key))]
      // Aliases can refer to what contains them, and multiply what they refer to.
      const target = resolved(value)
      left -= isSeq(target) ? 1 + target.items.length : 1
      if (left < 0 || name.length > DEEPEST) throw new Unreadable(`${shown(path)} is too large`)
      entries.push({
        keys: name,
        value: plainOf(target),
        line: counter.linePos(startOf(key)).line,
        place: placeOf(node, at),
      })
      visit(target, name)
    }
  }
  const resolved = (node: unknown) => (isAlias(node) ? node.resolve(document) : node)
  const scalarOf = (node: unknown) => (isScalar(node) ? node.value : null)
  const itemOf = (node: unknown) => scalarOf(isMap(node) ? node.items[0]?.key : node)
  const plainOf = (node: unknown) => {
    if (isMap(node)) return undefined
    return isSeq(node) ? node.items.map((item) => itemOf(resolved(item))) : scalarOf(node)
  }
  visit(document.contents, [])
  return entries
}

/** A map of the library, as far as it is used here. */
interface YamlMap {
  flow?: boolean
  items: readonly { key: unknown; value: unknown }[]
}

function placeOf({ flow, items }: YamlMap, at: number): YamlPlace {
  const [pair, previous, next] = [items[at], items[at - 1], items[at + 1]]
  return {
    start: startOf(pair?.key),
    end: endOf(pair),
    previousEnd: previous && endOf(previous),
    nextStart: next && startOf(next.key),
    isFlow: flow === true,
  }
}

/** Returns where a node starts. */
function startOf(node: unknown): number {
  return rangeOf(node)?.[0] ?? 0
}

/** Returns where a pair ends, without spaces and comments after it. */
function endOf(pair: YamlMap['items'][number] | undefined): number {
  return Math.max(rangeOf(pair?.key)?.[1] ?? 0, rangeOf(pair?.value)?.[1] ?? 0)
}

function rangeOf(node: unknown): readonly number[] | null | undefined {
  return (node as { range?: readonly number[] | null } | null)?.range
}
