import type { Queryable } from '../../db/database.ts'
import { insertBackupObject } from '../../db/tables/backup-objects.ts'
import { insertLabels } from '../../db/tables/labels.ts'
import {
  BACKUP_OBJECT_COLUMNS,
  type BackupObjectRow,
  type BackupStorageRow,
  type NewRow,
} from '../../db/tables/rows.ts'
import { recordCreation } from '../history/history.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { COMPLETE, DEFAULT_CONTAINER_FORMAT, DEFAULT_STATE } from '../rules/values.ts'
import { labelsOfFile } from './labels.ts'
import type { StoredFile } from './stored-file.ts'

type Given = Pick<
  BackupObjectRow,
  'account_id' | 'uuid' | 'display_name' | 'service_type' | 'object_key' | 'checksum' | 'size' | 'allocation_size'
> &
  Partial<BackupObjectRow>

/** Returns the columns of an object that describe the contents of a file. */
export function contentsOf(file: StoredFile) {
  return {
    size: file.unpackedSize,
    allocation_size: file.size,
    checksum: file.md5,
    container_format: file.containerFormat,
  }
}

/** Returns the row of a new object: the given columns, and dcmgr's defaults for the others (dcmgr.md, "Values"). */
export function newObjectRow(storage: BackupStorageRow, now: string, given: Given): NewRow<BackupObjectRow> {
  return {
    backup_storage_id: storage.id,
    container_format: DEFAULT_CONTAINER_FORMAT,
    status: 0,
    state: DEFAULT_STATE,
    description: null,
    progress: COMPLETE,
    deleted_at: null,
    created_at: now,
    updated_at: now,
    purged_at: null,
    source_volume_id: '',
    ...given,
  }
}

/**
 * Inserts an object with its history. Must run within a unit of work.
 *
 * @param file adds the labels for properties of the file that have no column.
 * @returns the canonical ID.
 */
export async function writeObject(db: Queryable, row: NewRow<BackupObjectRow>, file?: StoredFile): Promise<string> {
  const id = canonicalId('backupObject', row.uuid)
  await insertBackupObject(db, row)
  await recordCreation(
    db,
    id,
    BACKUP_OBJECT_COLUMNS,
    row as NewRow<BackupObjectRow> & Record<string, never>,
    row.created_at,
  )
  if (file !== undefined) await insertLabels(db, labelsOfFile(id, file, row.created_at))
  return id
}
