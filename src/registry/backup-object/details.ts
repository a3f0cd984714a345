import type * as z from 'zod/mini'
import { findStorageByKey, selectStoragesByKey } from '../../db/backup-storages.ts'
import type { Queryable } from '../../db/database.ts'
import { selectLabels } from '../../db/labels.ts'
import { selectRowsByUuid } from '../../db/many-rows.ts'
import type { BackupObjectRow, BackupStorageRow } from '../../db/rows.ts'
import { isoTime } from '../../db/time.ts'
import { canonicalId, parseId, prefixOf } from '../identifiers.ts'
import { exactInteger } from '../int64.ts'
import type { Registry } from '../registry.ts'
import type { backupObject } from '../results/backup-object.ts'
import { SHA256_LABEL } from '../values.ts'
import { existingObject, isDeleted } from './find.ts'
import { allLabelsThatCount, labelsThatCount } from './labels.ts'

/** A backup object as people and scripts see it; sizes in bytes, times ISO 8601 UTC. */
export type ObjectDetails = z.output<typeof backupObject>

/**
 * Finds one object, deleted or not, with what belongs to it.
 *
 * @param id with or without its prefix.
 * @throws VdcError VALUE_REFUSED, OBJECT_NOT_FOUND.
 */
export async function showObject(registry: Registry, id: string): Promise<ObjectDetails> {
  return describeObject(registry.database.knex, parseId('backupObject', id))
}

/** As `showObject`, from an uuid without prefix, also within a unit of work. */
export async function describeObject(db: Queryable, uuid: string): Promise<ObjectDetails> {
  const object = await existingObject(db, uuid)
  const storage = await findStorageByKey(db, object.backup_storage_id)
  const labels = await selectLabels(db, [canonicalId('backupObject', uuid)])
  return presentObject(object, storage, await labelsThatCount(db, labels, object))
}

/** Those of some objects that are there, deleted or not, by their canonical ids, with what belongs to them. */
export async function describeObjects(db: Queryable, ids: readonly string[]): Promise<ObjectDetails[]> {
  const wanted = new Set(ids)
  const prefix = prefixOf('backupObject')
  const rows = await selectRowsByUuid(
    db,
    'backup_objects',
    ids.map((id) => id.slice(prefix.length)),
  )
  // The collation ignores case and trailing blanks.
  const objects = rows.filter(({ uuid }) => wanted.has(canonicalId('backupObject', uuid)))
  const keys = new Set(objects.map((object) => object.backup_storage_id))
  const storages = new Map((await selectStoragesByKey(db, [...keys])).map((storage) => [storage.id, storage]))
  const labels = await allLabelsThatCount(db, await selectLabels(db, ids), objects)
  return objects.map((object) =>
    presentObject(
      object,
      storages.get(object.backup_storage_id),
      labels.get(canonicalId('backupObject', object.uuid)) ?? {},
    ),
  )
}

/**
 * An object's row and its storage's as people and scripts see them.
 *
 * @param labels those that count (`labelsThatCount`).
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
    // In a history the key may be known only later.
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

/** The state that is shown of an object. */
export function stateOf(row: BackupObjectRow): string {
  return isDeleted(row) && row.state !== 'purged' ? 'deleted' : row.state
}
