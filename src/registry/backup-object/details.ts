import type * as z from 'zod/mini'
import type { Queryable } from '../../db/database.ts'
import { isoTime } from '../../db/sql/time.ts'
import { selectStoragesByKey } from '../../db/tables/backup-storages.ts'
import { selectLabels } from '../../db/tables/labels.ts'
import { selectRowsByUuid } from '../../db/tables/many-rows.ts'
import type { BackupObjectRow, BackupStorageRow } from '../../db/tables/rows.ts'
import { type Item, inBatches, type Outcome } from '../batch/batches.ts'
import type { Registry } from '../registry.ts'
import type { backupObject } from '../results/backup-object.ts'
import { canonicalId, uuidsIn } from '../rules/identifiers.ts'
import { exactInteger } from '../rules/int64.ts'
import { SHA256_LABEL } from '../rules/values.ts'
import { existingObject, existingObjects, isDeleted } from './find.ts'
import { allLabelsThatCount } from './labels.ts'

/** A backup object in results; sizes are in bytes, times are ISO 8601 UTC. */
export type ObjectDetails = z.output<typeof backupObject>

/**
 * Returns objects, deleted or not, with their storages and labels.
 *
 * @param ids with or without prefix.
 * @returns for each ID, the object or an error: VALUE_REFUSED or OBJECT_NOT_FOUND.
 */
export function showObjects(registry: Registry, ids: readonly string[]): AsyncGenerator<Outcome<ObjectDetails>> {
  return inBatches(registry, 'backupObject', ids, { work: describeObjects, reads: true })
}

/**
 * Returns an object, deleted or not, with its storage and labels. May run within a unit of work.
 *
 * @throws VdcError OBJECT_NOT_FOUND if the object does not exist.
 */
export async function describeObject(db: Queryable, uuid: string): Promise<ObjectDetails> {
  const [details] = await detailsOf(db, [await existingObject(db, uuid)])
  return details as ObjectDetails
}

/**
 * Returns the objects of items, deleted or not, with their storages and labels. Items
 * whose object does not exist are refused with OBJECT_NOT_FOUND.
 */
export async function describeObjects<I extends Item>(
  db: Queryable,
  items: readonly I[],
): Promise<Map<I, ObjectDetails>> {
  const objects = await existingObjects(db, items)
  const details = await detailsOf(db, [...objects.values()])
  return new Map([...objects.keys()].map((item, index) => [item, details[index] as ObjectDetails]))
}

/** Returns objects with their storages and labels, in the same order. */
async function detailsOf(db: Queryable, objects: readonly BackupObjectRow[]): Promise<ObjectDetails[]> {
  const keys = new Set(objects.map((object) => object.backup_storage_id))
  const storages = new Map((await selectStoragesByKey(db, [...keys])).map((row) => [row.id, row]))
  const idOf = ({ uuid }: BackupObjectRow) => canonicalId('backupObject', uuid)
  const labels = await allLabelsThatCount(db, await selectLabels(db, objects.map(idOf)), objects)
  return objects.map((object) =>
    presentObject(object, storages.get(object.backup_storage_id), labels.get(idOf(object)) ?? {}),
  )
}

/** Returns the objects that exist, deleted or not, with their storages and labels. IDs are canonical; unknown ones are skipped. */
export async function describeObjectsThere(db: Queryable, ids: readonly string[]): Promise<ObjectDetails[]> {
  const wanted = new Set(ids)
  const rows = await selectRowsByUuid(db, 'backup_objects', uuidsIn('backupObject', ids))
  // The collation ignores case and trailing spaces.
  return detailsOf(
    db,
    rows.filter(({ uuid }) => wanted.has(canonicalId('backupObject', uuid))),
  )
}

/**
 * Converts the rows of an object and its storage to an object in results.
 *
 * @param labels the valid labels of the object (`labelsThatCount`).
 */
export function presentObject(
  row: BackupObjectRow,
  storage: BackupStorageRow | undefined,
  labels: Readonly<Record<string, string>>,
): ObjectDetails {
  const id = canonicalId('backupObject', row.uuid)
  return {
    id,
    account_id: row.account_id,
    display_name: row.display_name,
    description: row.description,
    state: stateOf(row),
    progress: row.progress,
    service_type: row.service_type,
    backup_storage_id: storage === undefined ? null : canonicalId('backupStorage', storage.uuid),
    // An object's history may begin before its key is set.
    uri: storage === undefined || row.object_key === null ? null : storage.base_uri + row.object_key,
    object_key: row.object_key,
    container_format: row.container_format,
    size: exactInteger(row.size),
    allocation_size: exactInteger(row.allocation_size),
    checksum: row.checksum,
    sha256: labels[SHA256_LABEL] ?? null,
    source_volume_id: row.source_volume_id,
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
    deleted_at: isoTime(row.deleted_at),
    purged_at: isoTime(row.purged_at),
    labels: { ...labels },
  }
}

/** Returns the state to show for an object: `deleted` for every deleted one that is not purged. */
export function stateOf(row: BackupObjectRow): string {
  return isDeleted(row) && row.state !== 'purged' ? 'deleted' : row.state
}
