import type { Knex } from 'knex'
import { createTable, idColumn, timeColumn } from './columns.ts'

export const tables = ['histories']

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'histories', (table) => {
    idColumn(knex, table)
    table.string('uuid').notNullable()
    table.string('attr').notNullable()
    table.string('vchar_value')
    table.text('blob_value')
    timeColumn(table, 'created_at').notNullable()
    table.index(['uuid', 'attr'], 'histories_uuid_attr_index')
    table.index(['uuid', 'created_at'], 'histories_uuid_created_at_index')
  })
}
