import type { Knex } from 'knex'
import type { Database } from '../database.ts'
import { canonical, exact, sameText } from '../sql/exact-text.ts'

/** A label that things are chosen by; without a value, whatever theirs is. */
export interface LabelChoice {
  name: string
  value?: string | undefined
}

/** Checksums that objects are chosen by, hex in lower case. */
export interface ChecksumChoice {
  md5: readonly string[]
  sha256: readonly string[]
  /** The name of the label that holds an object's SHA-256. */
  sha256Label: string
  /** And of that which holds the MD5 that it was computed with. */
  md5Label: string
}

/**
 * Keeps the rows of a query that have a label.
 *
 * @param prefix and uuid column of the canonical id that labels name the row by.
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

/** A query for the label of a row, within one of the row; as for `whereLabelled`. */
export function labelOf(
  database: Database,
  [prefix, uuid]: readonly [prefix: string, uuid: string],
  name: string,
): Knex.QueryBuilder {
  const resource = canonical(database, prefix, uuid)
  // The index ignores case, the exact conditions do not.
  return database
    .knex('resource_labels as l')
    .select('l.id')
    .where('l.name', name)
    .where(exact(database, 'l.name') as never, name)
    .where('l.resource_uuid', resource)
    .where(sameText(database, 'l.resource_uuid', resource) as never)
}

/** Keeps the rows of a query of which the backup object, there as `o`, has one of some checksums, in whatever case it is stored. */
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
 * A condition: labels that were computed from the bytes of the object in the query, `o`, do
 * not count, as they had another MD5 then than the object's row has now.
 *
 * @param objectId column that holds the canonical id of the object.
 * @param md5Label name of the label that holds that MD5; without one, the object's history
 *   tells whether its row ever had another.
 */
function isStale(database: Database, objectId: string, md5Label: string): Knex.Raw {
  const { knex } = database
  const noted = () =>
    knex('resource_labels as m')
      .select('m.id')
      .where('m.resource_uuid', knex.raw('??', [objectId]))
      .where(sameText(database, 'm.resource_uuid', objectId) as never)
      .where('m.name', md5Label)
      .where(exact(database, 'm.name') as never, md5Label)
  const differs = noted().whereNot('m.string_value', lowerCase(database, 'o.checksum'))
  return knex.raw('(EXISTS ? OR (NOT EXISTS ? AND EXISTS ?))', [differs, noted(), toldAnother(database, objectId)])
}

/**
 * The same for a label that is joined, where that with the MD5 is joined too: each row is
 * looked up once.
 *
 * @param label and `md5`: names of these within the query.
 */
export function isStaleBeside(database: Database, label: string, md5: string, objectId: string): Knex.Raw {
  const { knex } = database
  return knex.raw('COALESCE(?? <> ?, ?? IS NULL AND ?? IS NOT NULL AND EXISTS ?)', [
    `${md5}.string_value`,
    lowerCase(database, 'o.checksum'),
    `${md5}.id`,
    `${label}.id`,
    toldAnother(database, objectId),
  ])
}

/** History rows of the object in the query, `o`, that tell another MD5 than its row has. */
function toldAnother(database: Database, objectId: string): Knex.QueryBuilder {
  const { knex } = database
  return knex('histories as h')
    .select('h.id')
    .where('h.uuid', knex.raw('??', [objectId]))
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
