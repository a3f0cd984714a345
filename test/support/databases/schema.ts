import type { TestDatabase } from './databases.ts'

/** Returns the tables, columns and indexes of a database as text, without the tables of migrations. */
export async function schemaOf(database: TestDatabase): Promise<string> {
  if (database.engine === 'sqlite') {
    const rows = await database.query(
      "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'vdc_manage%' AND name NOT LIKE 'sqlite%' ORDER BY tbl_name, type DESC, name",
    )
    return `${rows.map((row) => String(row.sql).replaceAll(', `', ',\n  `')).join('\n\n')}\n`
  }
  const tables = (await database.query('SHOW TABLES'))
    .map((row) => String(Object.values(row)[0]))
    .filter((name) => !name.startsWith('vdc_manage'))
  const texts: string[] = []
  for (const table of tables) {
    const [row] = await database.query(`SHOW CREATE TABLE ${table}`)
    texts.push(String(row?.['Create Table']).replace(/ AUTO_INCREMENT=\d+/, ''))
  }
  return `${texts.join('\n\n')}\n`
}
