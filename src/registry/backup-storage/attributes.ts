import type { Registry } from '../registry.ts'
import { line, name, oneOf, text } from '../rules/texts.ts'
import { STORAGE_TYPES } from '../rules/values.ts'
import { requireNoSystemFolder } from './image-folder.ts'
import { requireBaseUri } from './uri.ts'

/** The columns of a storage that an operator gives; those that may be NULL take any text of their kind. */
export const storageAttributes = {
  display_name: name,
  base_uri: name,
  storage_type: oneOf(STORAGE_TYPES),
  description: text,
  node_id: line,
}

/**
 * Refuses a base URI that no agent could read or that names a system folder, and warns of one that is likely mistyped.
 *
 * @throws VdcError VALUE_REFUSED.
 */
export async function checkBaseUri(registry: Registry, baseUri: string, storageType: string): Promise<void> {
  requireBaseUri(baseUri, storageType)
  await requireNoSystemFolder(baseUri)
  if (!baseUri.endsWith('/')) {
    registry.warn(`The base URI ${baseUri} has no slash at its end: object keys are joined to it as they stand`)
  }
}
