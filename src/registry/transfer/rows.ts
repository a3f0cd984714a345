import { isoTime } from '../../db/sql/time.ts'
import type { RegistryTables } from '../../db/tables/many-rows.ts'
import type { NewRow } from '../../db/tables/rows.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { COLUMNS_OF, KIND_OF, type RegistryRecord, type RowType, type TABLE_OF } from './records.ts'

/** The row type of a record type. */
type RowOf<T extends RowType> = RegistryTables[(typeof TABLE_OF)[T]]

/**
 * Converts a row to a record.
 *
 * @param storageId for an object, the canonical ID of its storage; null if the row of the storage is missing.
 */
export function recordOf<T extends RowType>(type: T, row: RowOf<T>, storageId?: string | null): RegistryRecord<T> {
  const columns = row as unknown as Readonly<Record<string, unknown>>
  const record: Record<string, unknown> = { type }
  for (const column of COLUMNS_OF[type]) {
    const value = columns[column]
    if (column === 'uuid') record.uuid = canonicalId(KIND_OF[type as keyof typeof KIND_OF], String(value))
    else if (column === 'backup_storage_id') record[column] = storageId ?? null
    else record[column] = column.endsWith('_at') ? isoTime(value as string | null) : value
  }
  return record as RegistryRecord<T>
}

/**
 * Converts a record to a row.
 *
 * @param storageKey for an object, the integer ID of its storage.
 */
export function rowOf<T extends RowType>(record: RegistryRecord<T>, storageKey?: number): NewRow<RowOf<T>> {
  const values = record as unknown as Readonly<Record<string, unknown>>
  const row: Record<string, unknown> = {}
  for (const column of COLUMNS_OF[record.type]) {
    const value = values[column]
    if (column === 'uuid') row.uuid = uuidOf(value as string)
    else if (column === 'backup_storage_id') row[column] = storageKey
    else row[column] = column.endsWith('_at') && value !== null ? sqlOf(value as string) : value
  }
  return row as NewRow<RowOf<T>>
}

/** Returns the UUID in a canonical ID: the part after its prefix. */
export function uuidOf(id: string): string {
  return id.slice(id.indexOf('-') + 1)
}

/** Converts a time from ISO 8601 UTC to the form in the tables. */
export function sqlOf(time: string): string {
  return time.slice(0, 19).replace('T', ' ')
}
