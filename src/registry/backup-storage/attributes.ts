import type { Registry } from '../registry.ts'
import { line, name, oneOf, text } from '../rules/texts.ts'
import { STORAGE_TYPES } from '../rules/values.ts'
import { requireNoSystemFolder } from './image-folder.ts'
import { requireBaseUri } from './uri.ts'

/** Schemas of the columns of a storage that users can set. Callers make them optional or clearable. */
export const storageAttributes = {
  display_name: name,
  base_uri: name,
  storage_type: oneOf(STORAGE_TYPES),
  description: text,
  node_id: line,
}

/**
 * Checks a base URI. Warns if it does not end with a slash, which is probably a mistake.
 *
 * @throws VdcError VALUE_REFUSED if the agents cannot read the URI, or if it names a system folder.
 */
export async function checkBaseUri(registry: Registry, baseUri: string, storageType: string): Promise<void> {
  requireBaseUri(baseUri, storageType)
  await requireNoSystemFolder(baseUri)
  if (!baseUri.endsWith('/')) {
    registry.warn(`The base URI ${baseUri} does not end with a slash: object keys are appended without one`)
  }
}
