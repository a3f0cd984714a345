import type { Knex } from 'knex'
import { createTable, idColumn, timeColumn, uuidColumn } from './columns.ts'

export const tables = ['tags', 'tag_mappings']

export async function up(knex: Knex): Promise<void> {
  // MySQL commits after each table, so a run that was killed may have created only the first one.
  if (!(await knex.schema.hasTable('tags'))) {
    await createTable(knex, 'tags', (table) => {
      idColumn(knex, table)
      table.string('account_id').notNullable()
      uuidColumn(knex, table)
      table.integer('type_id').notNullable()
      table.string('name').notNullable()
      table.string('attributes')
      timeColumn(table, 'created_at').notNullable()
      timeColumn(table, 'updated_at').notNullable()
      table.unique(['uuid'], { indexName: 'tags_uuid_index' })
      table.unique(['account_id', 'type_id', 'name'], { indexName: 'tags_account_id_type_id_name_index' })
      table.index(['account_id'], 'tags_account_id_index')
    })
  }
  if (!(await knex.schema.hasTable('tag_mappings'))) {
    await createTable(knex, 'tag_mappings', (table) => {
      idColumn(knex, table)
      table.integer('tag_id').notNullable()
      table.string('uuid').notNullable()
      table.integer('sort_index').notNullable().defaultTo(0)
      table.index(['tag_id'], 'tag_mappings_tag_id_index')
      table.index(['uuid'], 'tag_mappings_uuid_index')
    })
  }
}
