import type { Knex } from 'knex'
import { isMysql } from './columns.ts'

const INDEX = 'histories_purged_ids_index'

export const tables = ['histories']

/** MySQL's own index on `uuid` ignores case. */
export async function isInPlace(knex: Knex): Promise<boolean> {
  if (isMysql(knex)) return true
  return (await knex('sqlite_master').where({ type: 'index', name: INDEX }).first()) !== undefined
}

/** The IDs of purged images stay taken, whatever their case; no row of `images` has them any more. */
export async function up(knex: Knex): Promise<void> {
  if (isMysql(knex)) return
  await knex.raw(`CREATE INDEX ${INDEX} ON histories (uuid COLLATE NOCASE) WHERE attr = 'purged_at'`)
}
