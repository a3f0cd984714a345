import { readYaml } from '../rules/ruby-yaml.ts'
import { EMPTY_YAML_LIST } from '../rules/values.ts'

/** The ID of a backup object within a text. */
const OBJECT_ID = /\bbo-[A-Za-z0-9_]+/g

/**
 * Returns the canonical IDs of the backup objects that an image's volumes are made from
 * (dcmgr.md, "What else refers to backup objects").
 *
 * @param text value of `images.volumes`. If it is not readable YAML, every ID in the text
 *   counts: keeping an unneeded object is better than removing a needed one.
 */
export async function objectsInVolumes(text: string | null): Promise<string[]> {
  if (!mayNameObjects(text)) return []
  const yaml = await readYaml(text)
  const ids = 'value' in yaml ? textsIn(yaml.value).filter(isObjectId) : (text.match(OBJECT_ID) ?? [])
  return [...new Set(ids)]
}

/** Like `objectsInVolumes`, but returns only the wanted IDs, and parses only YAML that may contain one of them. */
export async function wantedInVolumes(text: string | null, wanted: ReadonlySet<string>): Promise<string[]> {
  if (!mayNameObjects(text)) return []
  // An escape, such as "\x62o-x", can hide an ID.
  const isMentioned = text.includes('\\') || (text.match(OBJECT_ID) ?? []).some((id) => wanted.has(id))
  return isMentioned ? (await objectsInVolumes(text)).filter((id) => wanted.has(id)) : []
}

/** Returns the IDs of backup objects in parsed volumes (`readYamlColumnsOf`). */
export function objectsInReadVolumes(value: unknown): string[] {
  return [...new Set(textsIn(value).filter(isObjectId))]
}

function mayNameObjects(text: string | null): text is string {
  return text !== null && text !== EMPTY_YAML_LIST && /bo-|\\/.test(text)
}

function isObjectId(text: string): boolean {
  return /^bo-[A-Za-z0-9_]+$/.test(text)
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}
