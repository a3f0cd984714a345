import type { Knex } from 'knex'
import { isMysql } from './columns.ts'

const INDEX = 'histories_purged_ids_index'

export const tables = ['histories']

/** Returns true if the index exists. MySQL doesn't need it: its index on `uuid` ignores case. */
export async function isInPlace(knex: Knex): Promise<boolean> {
  if (isMysql(knex)) return true
  return (await knex('sqlite_master').where({ type: 'index', name: INDEX }).first()) !== undefined
}

/** Indexes the IDs of purged images, ignoring case: they must not be used again, but have no row in `images`. */
export async function up(knex: Knex): Promise<void> {
  if (isMysql(knex)) return
  await knex.raw(`CREATE INDEX ${INDEX} ON histories (uuid COLLATE NOCASE) WHERE attr = 'purged_at'`)
}
