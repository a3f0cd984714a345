import type { Knex } from 'knex'
import { createTable, idColumn, timeColumn, uuidColumn } from './columns.ts'

export const tables = ['accounts']

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'accounts', (table) => {
    idColumn(knex, table)
    uuidColumn(knex, table)
    table.string('description')
    table.integer('enabled').notNullable().defaultTo(1)
    timeColumn(table, 'created_at').notNullable()
    timeColumn(table, 'updated_at').notNullable()
    timeColumn(table, 'deleted_at')
    timeColumn(table, 'purged_at')
    table.unique(['uuid'], { indexName: 'accounts_uuid_index' })
    table.index(['deleted_at'], 'accounts_deleted_at_index')
  })
}
