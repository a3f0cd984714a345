import type { Database } from '../database.ts'
import { streamRows } from '../stream.ts'
import type { ImageRow } from '../tables/rows.ts'

/** Streams the images that are not deleted and have a backup object, oldest first. */
export function streamAliveUsers(
  database: Database,
): AsyncGenerator<Pick<ImageRow, 'uuid' | 'backup_object_id' | 'file_format'>[]> {
  const query = database
    .knex('images')
    .whereNull('deleted_at')
    .whereNot('state', 'deleted')
    .whereNotNull('backup_object_id')
    .orderBy('id')
    .select('uuid', 'backup_object_id', 'file_format')
  return streamRows(database, query)
}
