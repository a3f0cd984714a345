import { findStorageByKey } from '../../db/tables/backup-storages.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { type HistoryEntry, readHistory, stateAt } from '../history/history.ts'
import type { Registry } from '../registry.ts'
import { canonicalId, parseId } from '../rules/identifiers.ts'
import { existedAt, parseTime } from '../rules/times.ts'
import { type ObjectDetails, presentObject } from './details.ts'
import { existingObject } from './find.ts'

/**
 * Reads what became of a backup object; the newest change is the last.
 *
 * @param id with or without its prefix.
 * @throws VdcError VALUE_REFUSED, OBJECT_NOT_FOUND.
 */
export async function objectHistory(registry: Registry, id: string): Promise<HistoryEntry[]> {
  const uuid = parseId('backupObject', id)
  await existingObject(registry.database.knex, uuid)
  return readHistory(registry.database.knex, canonicalId('backupObject', uuid))
}

/**
 * Shows a backup object as it was at a time; labels have no history and are left out.
 *
 * @param id with or without its prefix.
 * @param at a time as people type it (`parseTime`).
 * @throws VdcError VALUE_REFUSED, OBJECT_NOT_FOUND, also when it was not there yet; HISTORY_UNKNOWN when its history begins later.
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
