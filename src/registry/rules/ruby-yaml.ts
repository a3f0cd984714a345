import type { Document } from 'yaml'
import { excessIn, withKeys } from '../../core/yaml-limits.ts'
import { EMPTY_YAML_LIST, EMPTY_YAML_MAP } from './values.ts'

/*
 * The YAML columns (dcmgr.md, "YAML columns") contain YAML 1.1 with Ruby's symbol
 * keys, such as `:virtio: true`. Wakame-vdc releases differ in how they write it.
 */

/** The forms of an empty value. NULL counts as the empty string. */
const EMPTY: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['', {}],
  [EMPTY_YAML_MAP, {}],
  [`${EMPTY_YAML_MAP}\n`, {}],
  [EMPTY_YAML_LIST, []],
])

/** Longest message of the parser, in characters; it may quote the column. */
const LONGEST_PROBLEM = 200

/** The value of a column, with keys without Ruby's colon, or the reason why it cannot be parsed. */
export type Yaml = { value: unknown } | { problem: string }

/** Cache for short texts, as thousands of images have the same features. Cached values are never changed. */
const read = new Map<string, Yaml>()
const MOST_READ = 100
const LONGEST_READ = 256

/** Parses a column. Never throws, as one bad row must not break a list: returns a `problem` instead. */
export async function readYaml(text: string | null): Promise<Yaml> {
  const empty = EMPTY.get(text ?? '')
  if (empty !== undefined) return { value: empty }
  const known = read.get(text ?? '')
  if (known !== undefined) return known
  const yaml = await parseColumn(text ?? '')
  if (text !== null && isCacheable(text)) {
    if (read.size >= MOST_READ) read.clear()
    read.set(text, yaml)
  }
  return yaml
}

/** Even a short text can expand to a huge value if it has aliases. */
function isCacheable(text: string): boolean {
  return text.length <= LONGEST_READ && !text.includes('*')
}

async function parseColumn(text: string): Promise<Yaml> {
  try {
    const value = (await parseYaml(text)).toJS({ maxAliasCount: -1 })
    return { value: withKeys(value, (key) => key.replace(/^:/, '')) }
  } catch (error) {
    const [problem = ''] = (error as Error).message.split('\n', 1)
    return { problem: problem.slice(0, LONGEST_PROBLEM) }
  }
}

/** Returns a parsed value as a map; undefined if it is not a map. An empty document counts as an empty map. */
export function asMap(yaml: Yaml): Map<string, unknown> | undefined {
  if ('problem' in yaml) return undefined
  if (yaml.value === null) return new Map()
  if (typeof yaml.value !== 'object' || Array.isArray(yaml.value)) return undefined
  return new Map(Object.entries(yaml.value))
}

/**
 * Sets and clears flags in a map with symbol keys. Other entries keep their spelling.
 *
 * @param text of a column that `readYaml` parses as a map.
 * @param order names of the entries to write first, in this order.
 * @param changes true sets a flag, false removes it, undefined leaves it alone.
 * @returns the YAML, in the form that Ruby writes.
 */
export async function changeFlags(
  text: string | null,
  order: readonly string[],
  changes: Readonly<Record<string, boolean | undefined>>,
): Promise<string> {
  const { isMap, YAMLMap } = await import('yaml')
  const document = await parseYaml(text ?? '')
  const map = isMap(document.contents) ? document.contents : new YAMLMap()
  for (const name of order) {
    if (changes[name] === false) map.delete(`:${name}`)
    else if (changes[name] === true) map.set(`:${name}`, true)
  }
  const place = (key: unknown) => order.map((name) => `:${name}`).indexOf(String(key)) + 1 || order.length + 1
  map.items.sort((a, b) => place(a.key) - place(b.key))
  if (map.items.length === 0) return EMPTY_YAML_MAP
  map.flow = false
  document.contents = map as never
  return `---\n${document.toString({ directives: false })}`
}

/** @throws Error if a text is not valid YAML or exceeds the limits. */
async function parseYaml(text: string): Promise<Document> {
  const excess = excessIn(text)
  if (excess !== undefined) throw new Error(excess)
  const { LineCounter, parseDocument } = await import('yaml')
  const lineCounter = new LineCounter()
  // With prettyErrors, the parser would locate every error, and a text may have thousands.
  const options = { version: '1.1', uniqueKeys: false, logLevel: 'silent', prettyErrors: false, lineCounter } as const
  const document = parseDocument(text, options)
  const [error] = document.errors
  if (error === undefined) return document
  const { line, col } = lineCounter.linePos(error.pos[0])
  throw new Error(`${error.message} at line ${line}, column ${col}`)
}
