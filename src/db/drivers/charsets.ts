import type { Database } from '../database.ts'

/** Returns the character set of each text column of a table, in lower case; empty on SQLite, which stores any text. */
export async function charsetsOf({ knex, engine }: Database, table: string): Promise<Map<string, string>> {
  if (engine === 'sqlite') return new Map()
  const rows: { name: string; charset: string }[] = await knex('information_schema.columns')
    .whereRaw('table_schema = DATABASE()')
    .where('table_name', table)
    .whereNotNull('character_set_name')
    .select(knex.raw('column_name as ??', ['name']), knex.raw('character_set_name as ??', ['charset']))
  return new Map(rows.map((row) => [row.name, row.charset.toLowerCase()]))
}
