import type { Document } from 'yaml'
import { EMPTY_YAML_LIST, EMPTY_YAML_MAP } from './values.ts'
import { excessIn, withKeys } from './yaml-limits.ts'

/*
 * The YAML columns (dcmgr.md, "YAML columns"): YAML 1.1, as Ruby reads it, with
 * Ruby's symbol keys, `:virtio: true`, in the forms of several releases.
 */

/** The empty forms; NULL counts as empty too. */
const EMPTY: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['', {}],
  [EMPTY_YAML_MAP, {}],
  [`${EMPTY_YAML_MAP}\n`, {}],
  [EMPTY_YAML_LIST, []],
])

/** Characters of what the parser says, which may quote the column. */
const LONGEST_PROBLEM = 200

/** What a column holds, its keys without Ruby's colon; or why that can't be read. */
export type Yaml = { value: unknown } | { problem: string }

/** Results for some short texts, as thousands of images have the same features. Values that were read are never changed. */
const read = new Map<string, Yaml>()
const MOST_READ = 100
const LONGEST_READ = 256

/** Reads a column. Never throws: one bad row must not spoil a listing. */
export async function readYaml(text: string | null): Promise<Yaml> {
  const empty = EMPTY.get(text ?? '')
  if (empty !== undefined) return { value: empty }
  const known = read.get(text ?? '')
  if (known !== undefined) return known
  const yaml = await readAnew(text ?? '')
  if (text !== null && isWorthKeeping(text)) {
    if (read.size >= MOST_READ) read.clear()
    read.set(text, yaml)
  }
  return yaml
}

/** A short text with aliases can hold a huge value. */
function isWorthKeeping(text: string): boolean {
  return text.length <= LONGEST_READ && !text.includes('*')
}

async function readAnew(text: string): Promise<Yaml> {
  try {
    const value = (await parseYaml(text)).toJS({ maxAliasCount: -1 })
    return { value: withKeys(value, (key) => key.replace(/^:/, '')) }
  } catch (error) {
    const [problem = ''] = (error as Error).message.split('\n', 1)
    return { problem: problem.slice(0, LONGEST_PROBLEM) }
  }
}

/** What was read as a map by name; undefined where it is none. A document without contents counts as empty. */
export function asMap(yaml: Yaml): Map<string, unknown> | undefined {
  if ('problem' in yaml) return undefined
  if (yaml.value === null) return new Map()
  if (typeof yaml.value !== 'object' || Array.isArray(yaml.value)) return undefined
  return new Map(Object.entries(yaml.value))
}

/**
 * Changes flags of a map with symbol keys and writes it as Ruby does; what else
 * it holds stays as it is written.
 *
 * @param text of a column that `readYaml` reads as a map.
 * @param order the names that come first, in this order.
 * @param changes true sets a flag, false removes it.
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

/** @throws Error for what is no YAML, or too much of it. */
async function parseYaml(text: string): Promise<Document> {
  const excess = excessIn(text)
  if (excess !== undefined) throw new Error(excess)
  const { LineCounter, parseDocument } = await import('yaml')
  const lineCounter = new LineCounter()
  // The parser would work out the place of each error, of which a text may have thousands.
  const options = { version: '1.1', uniqueKeys: false, logLevel: 'silent', prettyErrors: false, lineCounter } as const
  const document = parseDocument(text, options)
  const [error] = document.errors
  if (error === undefined) return document
  const { line, col } = lineCounter.linePos(error.pos[0])
  throw new Error(`${error.message} at line ${line}, column ${col}`)
}
