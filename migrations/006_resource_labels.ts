import type { Knex } from 'knex'
import { createTable, idColumn, timeColumn } from './columns.ts'

export const tables = ['resource_labels']

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'resource_labels', (table) => {
    idColumn(knex, table)
    table.string('resource_uuid').notNullable()
    table.string('name').notNullable()
    table.integer('value_type').notNullable()
    table.string('string_value')
    table.text('blob_value')
    timeColumn(table, 'created_at').notNullable()
    timeColumn(table, 'updated_at').notNullable()
    table.unique(['resource_uuid', 'name'], { indexName: 'resource_labels_resource_uuid_name_index' })
  })
}
