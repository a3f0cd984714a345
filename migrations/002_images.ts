import type { Knex } from 'knex'
import { createTable, flagColumn, idColumn, timeColumn, uuidColumn } from './columns.ts'

export const tables = ['images']

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'images', (table) => {
    idColumn(knex, table)
    table.string('account_id').notNullable()
    uuidColumn(knex, table)
    timeColumn(table, 'created_at').notNullable()
    timeColumn(table, 'updated_at').notNullable()
    table.integer('boot_dev_type').notNullable().defaultTo(1)
    table.string('arch').notNullable()
    table.text('description')
    flagColumn(knex, table, 'is_public')
    table.string('state').notNullable().defaultTo('init')
    table.text('features')
    table.string('file_format').notNullable()
    table.string('root_device')
    flagColumn(knex, table, 'is_cacheable')
    table.string('instance_model_name').notNullable()
    table.string('parent_image_id')
    table.string('service_type').notNullable()
    table.string('display_name').notNullable()
    table.string('backup_object_id')
    timeColumn(table, 'deleted_at')
    table.text('volumes').notNullable()
    table.text('vifs').notNullable()
    table.string('os_type').notNullable().defaultTo('linux')
    table.unique(['uuid'], { indexName: 'images_uuid_index' })
    table.index(['account_id'], 'images_account_id_index')
    table.index(['is_public'], 'images_is_public_index')
  })
}
