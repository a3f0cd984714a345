import type { Knex } from 'knex'
import type { Database } from '../database.ts'
import { canonical, exact, sameText } from '../sql/exact-text.ts'

/** Selects rows with a label, and with this value if one is given. */
export interface LabelChoice {
  name: string
  value?: string | undefined
}

/** Selects objects by checksum, hex in lower case. */
export interface ChecksumChoice {
  md5: readonly string[]
  sha256: readonly string[]
  /** The name of the label that holds an object's SHA-256. */
  sha256Label: string
  /** The name of the label that holds the MD5 which the object had when its SHA-256 was computed. */
  md5Label: string
}

/**
 * Restricts a query to rows that have a label.
 *
 * @param prefix, uuid the prefix and uuid column of the canonical ID by which labels refer to a row.
 */
export function whereLabelled(
  database: Database,
  query: Knex.QueryBuilder,
  [prefix, uuid]: readonly [prefix: string, uuid: string],
  { name, value }: LabelChoice,
): void {
  const label = labelOf(database, [prefix, uuid], name)
  if (value !== undefined) label.where(labelValue(database), value)
  query.whereExists(label)
}

/** Returns a subquery for the label of a row; parameters as for `whereLabelled`. */
export function labelOf(
  database: Database,
  [prefix, uuid]: readonly [prefix: string, uuid: string],
  name: string,
): Knex.QueryBuilder {
  const resource = canonical(database, prefix, uuid)
  // The index ignores case; the exact conditions do not.
  return database
    .knex('resource_labels as l')
    .select('l.id')
    .where('l.name', name)
    .where(exact(database, 'l.name') as never, name)
    .where('l.resource_uuid', resource)
    .where(sameText(database, 'l.resource_uuid', resource) as never)
}

/** Restricts a query to rows whose backup object, aliased `o`, has one of the checksums. Ignores the stored case. */
export function whereChecksum(
  database: Database,
  query: Knex.QueryBuilder,
  { md5, sha256, sha256Label, md5Label }: ChecksumChoice,
): void {
  const lower = (text: string) => lowerCase(database, text)
  query.where((either) => {
    if (md5.length > 0) either.whereIn(exact(database, lower('o.checksum')) as never, md5)
    if (sha256.length === 0) return
    const label = labelOf(database, ['bo-', 'o.uuid'], sha256Label)
    label.whereIn(exact(database, lower('l.string_value')) as never, sha256)
    either.orWhereExists(label.whereNot(isStale(database, 'l.resource_uuid', md5Label)))
  })
}

/**
 * Returns a condition that is true if labels computed from the file of the backup object `o`
 * are stale: its MD5 then was not the one that its row has now.
 *
 * @param objectId column that holds the canonical ID of the object.
 * @param md5Label name of the label that holds the MD5 of that time. If the object has no such
 *   label, its labels are stale if its history has another MD5.
 */
function isStale(database: Database, objectId: string, md5Label: string): Knex.Raw {
  const { knex } = database
  const recorded = () =>
    knex('resource_labels as m')
      .select('m.id')
      .where('m.resource_uuid', knex.raw('??', [objectId]))
      .where(sameText(database, 'm.resource_uuid', objectId) as never)
      .where('m.name', md5Label)
      .where(exact(database, 'm.name') as never, md5Label)
  const differs = recorded().whereNot('m.string_value', lowerCase(database, 'o.checksum'))
  return knex.raw('(EXISTS ? OR (NOT EXISTS ? AND EXISTS ?))', [differs, recorded(), otherMd5s(database, objectId)])
}

/**
 * Returns the condition of `isStale` for a label that the query joins, as it does the label
 * with the MD5. So each label is looked up once.
 *
 * @param label, md5 aliases of the two labels within the query.
 * @param objectId column or expression for the canonical ID of the object.
 */
export function isStaleBeside(database: Database, label: string, md5: string, objectId: string | Knex.Raw): Knex.Raw {
  const { knex } = database
  return knex.raw('COALESCE(?? <> ?, ?? IS NULL AND ?? IS NOT NULL AND EXISTS ?)', [
    `${md5}.string_value`,
    lowerCase(database, 'o.checksum'),
    `${md5}.id`,
    `${label}.id`,
    otherMd5s(database, objectId),
  ])
}

/** Returns a subquery for history rows of the backup object `o` with another MD5 than its row has. */
function otherMd5s(database: Database, objectId: string | Knex.Raw): Knex.QueryBuilder {
  const { knex } = database
  return knex('histories as h')
    .select('h.id')
    .where('h.uuid', knex.raw('??', [objectId as string]))
    .where(sameText(database, 'h.uuid', objectId) as never)
    .where('h.attr', 'checksum')
    .whereNot(lowerCase(database, 'h.vchar_value') as never, lowerCase(database, 'o.checksum'))
}

function lowerCase({ knex }: Database, column: string): Knex.Raw {
  return knex.raw('LOWER(??)', [column])
}

function labelValue(database: Database): never {
  return exact(database, database.knex.raw('COALESCE(??, ??)', ['l.string_value', 'l.blob_value'])) as never
}

/**
 * Joins a label of a backup object under an alias. The index ignores case; the exact conditions do not.
 *
 * @param objectId column or expression for the canonical ID of the object.
 */
export function joinObjectLabel(
  database: Database,
  query: Knex.QueryBuilder,
  { alias, name, objectId }: { alias: string; name: string; objectId: string | Knex.Raw },
): void {
  const raw = database.knex.raw.bind(database.knex)
  const resource = `${alias}.resource_uuid`
  const column = `${alias}.name`
  query.leftJoin(`resource_labels as ${alias}`, (join) =>
    join
      .on(resource, objectId as never)
      .on(sameText(database, resource, objectId) as never)
      .on(column, raw('?', [name]))
      .on(raw('? = ?', [exact(database, column), name]) as never),
  )
}

/**
 * Returns an expression for the label with the virtual size of an object, as text; NULL if the label is stale. The
 * query joins that label as `v`, the one with the MD5 as `m` and the object as `o`.
 *
 * @param objectId as for `joinObjectLabel`.
 */
export function measuredSize(database: Database, objectId: string | Knex.Raw): Knex.Raw {
  return database.knex.raw('CASE WHEN ? THEN NULL ELSE ?? END', [
    isStaleBeside(database, 'v', 'm', objectId),
    'v.string_value',
  ])
}
