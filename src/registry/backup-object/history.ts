import { findStorageByKey } from '../../db/tables/backup-storages.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { type HistoryEntry, readHistory, stateAt } from '../history/history.ts'
import type { Registry } from '../registry.ts'
import { canonicalId, parseId } from '../rules/identifiers.ts'
import { existedAt, parseTime } from '../rules/times.ts'
import { type ObjectDetails, presentObject } from './details.ts'
import { existingObject } from './find.ts'

/**
 * Returns the history of a backup object, oldest change first.
 *
 * @param id with or without prefix.
 * @throws VdcError VALUE_REFUSED if the ID is not valid; OBJECT_NOT_FOUND if it does not exist.
 */
export async function objectHistory(registry: Registry, id: string): Promise<HistoryEntry[]> {
  const uuid = parseId('backupObject', id)
  await existingObject(registry.database.knex, uuid)
  return readHistory(registry.database.knex, canonicalId('backupObject', uuid))
}

/**
 * Returns a backup object as it was at a time. Labels have no history and are left out.
 *
 * @param id with or without prefix.
 * @param at a time in any form that `parseTime` accepts.
 * @throws VdcError VALUE_REFUSED if the ID or time is not valid; OBJECT_NOT_FOUND if the object
 *   does not exist or did not exist then; HISTORY_UNKNOWN if its history begins later.
 */
export async function objectAt(
  registry: Registry,
  id: string,
  at: string,
): Promise<Omit<ObjectDetails, 'labels' | 'sha256'>> {
  const uuid = parseId('backupObject', id)
  const time = parseTime('at', at, new Date())
  const { knex } = registry.database
  const row = await existingObject(knex, uuid)
  existedAt(canonicalId('backupObject', uuid), row.created_at, time, 'OBJECT_NOT_FOUND')
  const canonical = canonicalId('backupObject', uuid)
  const then = stateAt<BackupObjectRow>(canonical, row, await readHistory(knex, canonical), time)
  const {
    labels: _,
    sha256: __,
    ...shown
  } = presentObject(then, await findStorageByKey(knex, then.backup_storage_id), {})
  return shown
}
