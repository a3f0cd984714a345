import { excessIn } from '../../core/yaml-limits.ts'
import { shown } from '../tree/guest-path.ts'
import { Unreadable } from '../tree/undecided.ts'

/** Keys in a file, with those that aliases repeat. */
const MOST_ENTRIES = 10_000
const DEEPEST = 32
const MOST_ALIASES = 100

/** A value in a YAML file, with the keys that lead to it. */
export interface YamlEntry {
  keys: readonly string[]
  value: unknown
  line: number
}

/**
 * Reads a YAML file of a guest within limits, because the parser recurses.
 *
 * @param path the file, for messages.
 * @returns all keys of all maps, the outer ones first. Values of lists and maps are plain values.
 * @throws Unreadable if it is not valid YAML, or exceeds the limits.
 */
export async function yamlEntries(path: string, text: string): Promise<YamlEntry[]> {
  const excess = excessIn(text)
  if (excess !== undefined) throw new Unreadable(`${shown(path)} cannot be read: ${excess}`)
  const { isAlias, isMap, isScalar, LineCounter, parseDocument } = await import('yaml')
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, logLevel: 'silent', merge: false })
  if (document.errors.length > 0) throw new Unreadable(`${shown(path)} is not valid YAML`)
  const entries: YamlEntry[] = []
  const visit = (node: unknown, keys: readonly string[]) => {
    if (!isMap(node)) return
    for (const { key, value } of node.items) {
      const name = [...keys, String(isScalar(key) ? key.value : key)]
      // Aliases can refer to what contains them, and multiply what they refer to.
      if (entries.length >= MOST_ENTRIES || name.length > DEEPEST) throw new Unreadable(`${shown(path)} is too large`)
      const target = isAlias(value) ? value.resolve(document) : value
      const start = (key as { range?: [number, number, number] | null } | null)?.range?.[0] ?? 0
      entries.push({
        keys: name,
        value: isMap(target) ? undefined : plainOf(target),
        line: counter.linePos(start).line,
      })
      visit(target, name)
    }
  }
  const plainOf = (node: unknown): unknown => {
    try {
      return (node as Partial<Plain> | null)?.toJS?.(document, { maxAliasCount: MOST_ALIASES }) ?? null
    } catch {
      throw new Unreadable(`${shown(path)} has too many aliases`)
    }
  }
  visit(document.contents, [])
  return entries
}

/** What the nodes of a YAML document have in common. */
interface Plain {
  toJS(document: unknown, options: { maxAliasCount: number }): unknown
}
