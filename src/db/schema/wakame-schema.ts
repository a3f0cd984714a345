import { VdcError } from '../../core/errors.ts'
import type { Database } from '../database.ts'
import type { BackupObjectRow, ImageRow } from '../tables/rows.ts'

/** The version of Wakame-vdc's schema that is known best (dcmgr.md). */
export const WAKAME_SCHEMA = 23

/** The versions that brought columns which the registry writes: `volumes` came with `vifs` and `source_volume_id`. */
const SINCE = { volumes: 15, os_type: 20 }

/** The versions whose releases are known (dcmgr.md, "Releases"), newest first. */
const RELEASES = [
  [23, '16.1'],
  [22, '15.03'],
  [16, '13.08'],
  [12, '13.06'],
] as const

/** The release that has a version of Wakame-vdc's schema, or between which releases it lies. */
export function releaseOf(version: number): string {
  const since = RELEASES.find(([first]) => first <= version)
  const next = RELEASES.findLast(([first]) => first > version)
  if (since === undefined) return `older than ${next?.[1]}`
  if (since[0] === version) return since[1]
  return next === undefined ? `newer than ${since[1]}` : `between ${since[1]} and ${next[1]}`
}

/** Names a version of Wakame-vdc's schema and its release, for people. */
export function describeWakameSchema(version: number): string {
  return `schema ${version} of Wakame-vdc (release ${releaseOf(version)})`
}

/** The way out of a schema that is too old. */
export const RAKE_DB_UP =
  "Upgrade the schema with Wakame-vdc's own migrations, rake db:up, to 22 (release 15.03) or 23 (release 16.1)"

/** What can't be done on an old schema, and why; undefined where all can. */
export function lackOf(version: number | null): string | undefined {
  if (version === null || version >= SINCE.os_type) return undefined
  const [what, columns] =
    version >= SINCE.volumes
      ? ['images', 'images.os_type']
      : ['images and backup objects', 'images.volumes, images.vifs, images.os_type and backup_objects.source_volume_id']
  return `${describeWakameSchema(version)} lacks ${columns}: ${what} can be listed, changed and deleted, but not added`
}

/** The error for what a version of Wakame-vdc's schema does not have. */
export function schemaOlder(version: number, lacks: string, cause?: unknown): VdcError {
  return new VdcError('SCHEMA_OLDER', `The database has ${describeWakameSchema(version)}, which lacks ${lacks}`, {
    hint: RAKE_DB_UP,
    cause,
  })
}

/**
 * Finds out whether a table or column is missing because Wakame-vdc's schema is old.
 *
 * @param readVersion reads `schema_info`.
 * @returns the error that says so; the one that was given, where that is not the reason.
 */
export async function explainMissing(
  error: VdcError,
  readVersion: () => Promise<number | undefined>,
): Promise<VdcError> {
  if (error.code !== 'SCHEMA_MISSING') return error
  const version = await readVersion().catch(() => undefined)
  if (version === undefined || version >= WAKAME_SCHEMA) return error
  const column = /Unknown column '([^']+)'/.exec(error.message)?.[1]
  const table = /Table '(?:[^']*\.)?([^'.]+)' doesn't exist/.exec(error.message)?.[1]
  const lacks =
    column !== undefined ? `the column ${column}` : table !== undefined ? `the table ${table}` : 'a part of it'
  return schemaOlder(version, lacks, error)
}

/** What the columns that older schemas lack are taken to hold, which is what dcmgr gives them. */
const LATER_COLUMNS = {
  images: { volumes: '--- []\n', vifs: '--- []\n', os_type: 'linux' } satisfies Partial<ImageRow>,
  backup_objects: { source_volume_id: '' } satisfies Partial<BackupObjectRow>,
}

/**
 * Makes sure that a table has all columns that a new row needs, before work that takes long or can't be undone.
 *
 * @throws VdcError SCHEMA_OLDER, SCHEMA_MISSING.
 */
export async function requireColumns(
  { knex, engine }: Pick<Database, 'knex' | 'engine'>,
  table: keyof typeof LATER_COLUMNS,
): Promise<void> {
  if (engine === 'mysql') await knex(table).select(Object.keys(LATER_COLUMNS[table])).whereRaw('FALSE')
}

/** Gives rows of older schemas the columns that they lack (`LATER_COLUMNS`). */
export function completeRows<T extends object>(table: string, rows: T[]): T[] {
  // All rows of an answer have the same columns.
  const [first] = rows
  return first === undefined || completeRow(table, first) === first ? rows : rows.map((row) => completeRow(table, row))
}

/** As `completeRows`. */
export function completeRow<T extends object>(table: string, row: T): T {
  const later = LATER_COLUMNS[table as keyof typeof LATER_COLUMNS]
  // Of up-to-date schemas no row is copied.
  return later === undefined || Object.keys(later).every((column) => column in row) ? row : { ...later, ...row }
}
