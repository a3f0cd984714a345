import { excessIn } from '../../core/yaml-limits.ts'
import { shown } from '../tree/guest-path.ts'
import { Undecided } from '../tree/undecided.ts'

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
 * @throws Undecided if it is not valid YAML, or exceeds the limits.
 */
export async function yamlEntries(path: string, text: string): Promise<YamlEntry[]> {
  const excess = excessIn(text)
  if (excess !== undefined) throw new Undecided(`${shown(path)} cannot be read: ${excess}`)
  const { isMap, isScalar, LineCounter, parseDocument } = await import('yaml')
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, logLevel: 'silent', merge: false })
  if (document.errors.length > 0) throw new Undecided(`${shown(path)} is not valid YAML`)
  const entries: YamlEntry[] = []
  const visit = (node: unknown, keys: readonly string[]) => {
    if (!isMap(node)) return
    for (const { key, value } of node.items) {
      const name = String(isScalar(key) ? key.value : key)
      const inner = [...keys, name]
      const start = (key as { range?: [number, number, number] | null } | null)?.range?.[0] ?? 0
      const plain = isMap(value) ? undefined : plainOf(value)
      entries.push({ keys: inner, value: plain, line: counter.linePos(start).line })
      visit(value, inner)
    }
  }
  visit(document.contents, [])
  return entries

  function plainOf(node: unknown): unknown {
    const json = (node as { toJS?: (document: unknown, options?: object) => unknown } | null)?.toJS
    return json === undefined ? node : json.call(node, document, { maxAliasCount: 100 })
  }
}
