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

/** The columns of a backup object that an operator gives; those that may be NULL take any text of their kind. */
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
 * Refuses what no agent could find or the database can't hold, and warns of an unknown service type.
 *
 * @throws VdcError VALUE_REFUSED.
 */
export async function checkObjectAttributes(
  registry: Registry,
  given: { object_key?: string | undefined; service_type?: string | undefined },
): Promise<void> {
  if (given.object_key !== undefined) requireUriKey(given.object_key)
  checkServiceType(registry, given.service_type)
  await requireStorable(registry.database, 'backup_objects', given)
}

/** The progress of an object: what is available is always complete, whatever was asked for (dcmgr.md, "Values"). */
export function progressOf(registry: Registry, state: string, asked: number | undefined): number | undefined {
  if (state !== DEFAULT_STATE) return asked
  if (asked !== undefined && asked !== COMPLETE) {
    registry.warn(`The progress is ${COMPLETE}, not ${asked}: what is ${DEFAULT_STATE} is complete`)
  }
  return COMPLETE
}
