import type { DatabaseStatus } from '../registry/schema.ts'
import type { Column } from './answers/columns.ts'
import { renderFields } from './answers/fields.ts'
import { renderTable } from './answers/table.ts'
import { boldOn } from './color.ts'

const COLUMNS: Column<DatabaseStatus['migrations'][number]>[] = [
  { name: 'name', header: 'MIGRATION' },
  { name: 'state' },
]

/** Lays out for people what a database has of the schema. */
export async function renderStatus({ migrations, ...summary }: DatabaseStatus): Promise<string> {
  const options = { header: true, now: undefined, width: undefined, emphasize: boldOn(process.stdout) }
  return `${renderFields(summary)}\n${(await renderTable(COLUMNS, migrations, options)).text}`
}
