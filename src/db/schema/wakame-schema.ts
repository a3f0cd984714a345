import { VdcError } from '../../core/errors.ts'
import type { Database } from '../database.ts'
import type { BackupObjectRow, ImageRow } from '../tables/rows.ts'

/** The latest version of Wakame-vdc's schema (dcmgr.md). */
export const WAKAME_SCHEMA = 23

/** Versions that added columns which the registry writes. `vifs` and `source_volume_id` came with `volumes`. */
const SINCE = { volumes: 15, os_type: 20 }

/** Versions of the schema and the releases that have them (dcmgr.md, "Releases"), newest first. */
const RELEASES = [
  [23, '16.1'],
  [22, '15.03'],
  [16, '13.08'],
  [12, '13.06'],
] as const

/** Returns the release of Wakame-vdc that has a version of the schema, or the range of releases around it. */
export function releaseOf(version: number): string {
  const since = RELEASES.find(([first]) => first <= version)
  const next = RELEASES.findLast(([first]) => first > version)
  if (since === undefined) return `older than ${next?.[1]}`
  if (since[0] === version) return since[1]
  return next === undefined ? `newer than ${since[1]}` : `between ${since[1]} and ${next[1]}`
}

/** Returns a version of Wakame-vdc's schema and its release as text, for messages. */
export function describeWakameSchema(version: number): string {
  return `schema ${version} of Wakame-vdc (release ${releaseOf(version)})`
}

/** The hint for a schema that is too old. */
export const RAKE_DB_UP =
  "Upgrade the schema with Wakame-vdc's own migrations, rake db:up, to 22 (release 15.03) or 23 (release 16.1)"

/** Returns what an old schema lacks and what is not possible with it; undefined if it lacks nothing. */
export function lackOf(version: number | null): string | undefined {
  if (version === null || version >= SINCE.os_type) return undefined
  const [what, columns] =
    version >= SINCE.volumes
      ? ['images', 'images.os_type']
      : ['images and backup objects', 'images.volumes, images.vifs, images.os_type and backup_objects.source_volume_id']
  return `${describeWakameSchema(version)} lacks ${columns}: ${what} can be listed, changed and deleted, but not added`
}

/** Returns the error SCHEMA_OLDER for something that a version of Wakame-vdc's schema lacks. */
export function schemaOlder(version: number, lacks: string, cause?: unknown): VdcError {
  return new VdcError('SCHEMA_OLDER', `The database has ${describeWakameSchema(version)}, which lacks ${lacks}`, {
    hint: RAKE_DB_UP,
    cause,
  })
}

/**
 * Finds out whether a table or column is missing because Wakame-vdc's schema is old.
 *
 * @param readVersion reads the version in `schema_info`.
 * @returns SCHEMA_OLDER if that is the reason, or else the given error.
 */
export async function explainMissing(
  error: VdcError,
  readVersion: () => Promise<number | undefined>,
): Promise<VdcError> {
  if (error.code !== 'SCHEMA_MISSING') return error
  const version = await readVersion().catch(() => undefined)
  if (version === undefined || version >= WAKAME_SCHEMA) return error
  return schemaOlder(version, missingPart(error.message), error)
}

function missingPart(message: string): string {
  const column = /Unknown column '([^']+)'/.exec(message)?.[1]
  if (column !== undefined) return `the column ${column}`
  const table = /Table '(?:[^']*\.)?([^'.]+)' doesn't exist/.exec(message)?.[1]
  return table === undefined ? 'a part of it' : `the table ${table}`
}

/** The assumed values of columns that older schemas lack: the defaults of dcmgr. */
const LATER_COLUMNS = {
  images: { volumes: '--- []\n', vifs: '--- []\n', os_type: 'linux' } satisfies Partial<ImageRow>,
  backup_objects: { source_volume_id: '' } satisfies Partial<BackupObjectRow>,
}

/**
 * Checks that a table has all columns of a new row. For use before work that takes long or cannot be undone.
 *
 * @throws VdcError SCHEMA_OLDER, SCHEMA_MISSING.
 */
export async function requireColumns(
  { knex, engine }: Pick<Database, 'knex' | 'engine'>,
  table: keyof typeof LATER_COLUMNS,
): Promise<void> {
  if (engine === 'mysql') await knex(table).select(Object.keys(LATER_COLUMNS[table])).whereRaw('FALSE')
}

/** Returns the rows of a table with the columns that older schemas lack (`LATER_COLUMNS`). */
export function completeRows<T extends object>(table: string, rows: T[]): T[] {
  // All rows of a result have the same columns.
  const [first] = rows
  return first === undefined || completeRow(table, first) === first ? rows : rows.map((row) => completeRow(table, row))
}

/** Returns a row of a table with the columns that older schemas lack (`LATER_COLUMNS`). */
export function completeRow<T extends object>(table: string, row: T): T {
  const later = LATER_COLUMNS[table as keyof typeof LATER_COLUMNS]
  // Rows of up-to-date schemas are not copied.
  return later === undefined || Object.keys(later).every((column) => column in row) ? row : { ...later, ...row }
}
