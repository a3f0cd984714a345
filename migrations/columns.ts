import type { Knex } from 'knex'

/*
 * The column types on which MySQL and SQLite differ, so that a migration is
 * written once. What stands here is as append-only as the migrations.
 */

/** Says whether this is MySQL or MariaDB; else it is SQLite. */
export function isMysql(knex: Knex): boolean {
  return knex.client.dialect === 'mysql'
}

/** `id`: int, auto-increment, primary key. (knex's own `increments` would be unsigned on MySQL.) */
export function idColumn(knex: Knex, table: Knex.CreateTableBuilder): void {
  if (isMysql(knex)) table.specificType('id', 'int not null auto_increment primary key')
  else table.increments('id')
}

/** `uuid`: on both engines a unique index that ignores case, as on every MySQL of the cloud. */
export function uuidColumn(knex: Knex, table: Knex.CreateTableBuilder): void {
  if (isMysql(knex)) table.string('uuid').notNullable()
  else table.specificType('uuid', 'varchar(255) collate nocase not null')
}

/** A flag of one byte. */
export function flagColumn(knex: Knex, table: Knex.CreateTableBuilder, name: string): void {
  table
    .specificType(name, isMysql(knex) ? 'tinyint(1)' : 'tinyint')
    .notNullable()
    .defaultTo(0)
}

/** A date and time in UTC, without a fraction. */
export function timeColumn(table: Knex.CreateTableBuilder, name: string): Knex.ColumnBuilder {
  return table.datetime(name)
}

/** Creates a table as InnoDB and utf8mb4, with a collation that MySQL and MariaDB both know. */
export async function createTable(
  knex: Knex,
  name: string,
  columns: (table: Knex.CreateTableBuilder) => void,
): Promise<void> {
  await knex.schema.createTable(name, (table) => {
    columns(table)
    if (isMysql(knex)) {
      table.engine('InnoDB')
      table.charset('utf8mb4')
      table.collate('utf8mb4_general_ci')
    }
  })
}
