import type { Knex } from 'knex'
import { createTable, idColumn, timeColumn, uuidColumn } from './columns.ts'

export const tables = ['backup_objects']

export async function up(knex: Knex): Promise<void> {
  await createTable(knex, 'backup_objects', (table) => {
    idColumn(knex, table)
    table.string('account_id').notNullable()
    uuidColumn(knex, table)
    table.string('display_name').notNullable()
    table.string('service_type').notNullable()
    table.integer('backup_storage_id').notNullable()
    table.bigInteger('size').notNullable()
    table.bigInteger('allocation_size').notNullable()
    table.string('container_format').notNullable()
    table.integer('status').notNullable().defaultTo(0)
    table.string('state').notNullable().defaultTo('initialized')
    table.string('object_key').notNullable()
    table.string('checksum').notNullable()
    table.text('description')
    table.double('progress').notNullable().defaultTo(0)
    timeColumn(table, 'deleted_at')
    timeColumn(table, 'created_at').notNullable()
    timeColumn(table, 'updated_at').notNullable()
    timeColumn(table, 'purged_at')
    table.string('source_volume_id').notNullable()
    table.unique(['uuid'], { indexName: 'backup_objects_uuid_index' })
    table.index(['account_id'], 'backup_objects_account_id_index')
    table.index(['deleted_at'], 'backup_objects_deleted_at_index')
    table.index(['backup_storage_id'], 'backup_objects_backup_storage_id_index')
  })
}
