import { EMPTY_YAML_LIST, EMPTY_YAML_MAP } from './values.ts'

/*
 * The YAML columns (dcmgr.md, "YAML columns"): YAML with Ruby's symbol keys,
 * `:virtio: true`, in the forms of several releases.
 */

/** The empty forms; NULL counts as empty too. */
const EMPTY: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['', {}],
  [EMPTY_YAML_MAP, {}],
  [`${EMPTY_YAML_MAP}\n`, {}],
  [EMPTY_YAML_LIST, []],
])

/** What a column holds, its keys without Ruby's colon; or why that can't be read. */
export type Yaml = { value: unknown } | { problem: string }

/** Reads a column. Never throws: one bad row must not spoil a listing. */
export async function readYaml(text: string | null): Promise<Yaml> {
  const empty = EMPTY.get(text ?? '')
  if (empty !== undefined) return { value: empty }
  const { parse } = await import('yaml')
  try {
    // 'silent' would keep errors back too, and give what could be made of the rest.
    return { value: withoutColons(parse(text ?? '', { logLevel: 'error' })) }
  } catch (error) {
    return { problem: (error as Error).message.split('\n', 1)[0] as string }
  }
}

/** What was read as a map by name; undefined where it is none. A document without contents counts as empty. */
export function asMap(yaml: Yaml): Map<string, unknown> | undefined {
  if ('problem' in yaml) return undefined
  if (yaml.value === null) return new Map()
  if (typeof yaml.value !== 'object' || Array.isArray(yaml.value)) return undefined
  return new Map(Object.entries(yaml.value))
}

function withoutColons(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutColons)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key.replace(/^:/, ''), withoutColons(field)]))
}
