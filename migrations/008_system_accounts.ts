import type { Knex } from 'knex'

/** The accounts that exist in every data centre (dcmgr.md, "System accounts"). */
const SYSTEM_ACCOUNTS = [
  { id: 100, uuid: '00000000', description: 'datacenter system account' },
  { id: 101, uuid: 'shpoolxx', description: 'system account for shared resources' },
]

export const tables = []

/** Returns true if the accounts exist, or if Wakame-vdc created the database and so decides about them. */
export async function isInPlace(knex: Knex): Promise<boolean> {
  if (await knex.schema.hasTable('schema_info')) return true
  if (!(await knex.schema.hasTable('accounts'))) return false
  const rows = await knex('accounts').whereIn(
    'uuid',
    SYSTEM_ACCOUNTS.map((account) => account.uuid),
  )
  return rows.length === SYSTEM_ACCOUNTS.length
}

export async function up(knex: Knex): Promise<void> {
  const now = new Date().toISOString().slice(0, 19).replace('T', ' ')
  for (const account of SYSTEM_ACCOUNTS) {
    const found = await knex('accounts').where({ uuid: account.uuid }).first()
    if (found === undefined) await knex('accounts').insert({ ...account, enabled: 1, created_at: now, updated_at: now })
  }
}
