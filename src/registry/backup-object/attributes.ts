import * as z from 'zod/mini'
import { requireUriKey } from '../backup-storage/uri.ts'
import type { Registry } from '../registry.ts'
import { md5 } from '../rules/checksum.ts'
import { requireStorable } from '../rules/storable.ts'
import { int64, name, oneOf, text } from '../rules/texts.ts'
import { COMPLETE, CONTAINER_FORMATS, DEFAULT_STATE, STATES } from '../rules/values.ts'
import { checkServiceType } from '../service-types.ts'

const percent = z.pipe(
  z
    .string()
    .check(
      z.refine(
        (value) => /^[0-9]{1,3}(\.[0-9]{1,15})?$/.test(value) && Number(value) <= COMPLETE,
        'must be a number from 0 to 100',
      ),
    ),
  z.transform(Number),
)

/** Schemas of the columns of a backup object that users can set. Callers make them optional or clearable. */
export const objectAttributes = {
  account_id: z.string(),
  display_name: name,
  storage_id: z.string(),
  object_key: name,
  state: oneOf(STATES),
  size: int64,
  allocation_size: int64,
  checksum: md5,
  description: text,
  service_type: name,
  container_format: oneOf(CONTAINER_FORMATS),
  progress: percent,
}

/**
 * Checks that the agents can find the object and that the database can store its
 * texts. Warns if the service type is unknown.
 *
 * @throws VdcError VALUE_REFUSED if the object key or a text is not valid.
 */
export async function checkObjectAttributes(
  registry: Registry,
  given: { object_key?: string | undefined; service_type?: string | undefined },
): Promise<void> {
  if (given.object_key !== undefined) requireUriKey(given.object_key)
  checkServiceType(registry, given.service_type)
  await requireStorable(registry.database, 'backup_objects', given)
}

/**
 * Returns the progress of an object in percent. Available objects are always complete
 * (dcmgr.md, "Values"); warns if another progress is requested for one.
 */
export function progressOf(registry: Registry, state: string, requested: number | undefined): number | undefined {
  if (state !== DEFAULT_STATE) return requested
  if (requested !== undefined && requested !== COMPLETE) {
    registry.warn(`Progress is set to ${COMPLETE}, not ${requested}: an object that is ${DEFAULT_STATE} is complete`)
  }
  return COMPLETE
}
