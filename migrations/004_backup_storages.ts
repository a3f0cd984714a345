import type { Knex } from 'knex'
import { createTable, idColumn, timeColumn, uuidColumn } from './columns.ts'

export const tables = ['backup_storages']

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'backup_storages', (table) => {
    idColumn(knex, table)
    uuidColumn(knex, table)
    table.string('display_name').notNullable()
    table.string('storage_type').notNullable()
    table.text('description')
    table.string('base_uri').notNullable()
    timeColumn(table, 'deleted_at')
    timeColumn(table, 'created_at').notNullable()
    timeColumn(table, 'updated_at').notNullable()
    table.string('node_id')
  })
}
