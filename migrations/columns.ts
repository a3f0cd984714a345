import type { Knex } from 'knex'

/*
 * Column types that differ between MySQL and SQLite, so that each migration is
 * written once. Like the migrations, this file is append-only.
 */

/** Returns true for MySQL and MariaDB, false for SQLite. */
export function isMysql(knex: Knex): boolean {
  return knex.client.dialect === 'mysql'
}

/** Adds `id`: int, auto-increment, primary key. (knex's `increments` would be unsigned on MySQL.) */
export function idColumn(knex: Knex, table: Knex.CreateTableBuilder): void {
  if (isMysql(knex)) table.specificType('id', 'int not null auto_increment primary key')
  else table.increments('id')
}

/** Adds `uuid`, whose indexes ignore case on both engines. */
export function uuidColumn(knex: Knex, table: Knex.CreateTableBuilder): void {
  if (isMysql(knex)) table.string('uuid').notNullable()
  else table.specificType('uuid', 'varchar(255) collate nocase not null')
}

/** Adds a one-byte flag, 0 by default. */
export function flagColumn(knex: Knex, table: Knex.CreateTableBuilder, name: string): void {
  table
    .specificType(name, isMysql(knex) ? 'tinyint(1)' : 'tinyint')
    .notNullable()
    .defaultTo(0)
}

/** Adds a date and time in UTC, without fractions of a second. */
export function timeColumn(table: Knex.CreateTableBuilder, name: string): Knex.ColumnBuilder {
  return table.datetime(name)
}

/** Creates a table; on MySQL with InnoDB and utf8mb4, and a collation that both MySQL and MariaDB have. */
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
