import type { DatabaseStatus } from '../../../registry/schema.ts'
import { boldOn } from '../../terminal/color.ts'
import type { Column } from '../columns.ts'
import { renderFields } from '../fields.ts'
import { renderTable } from '../table.ts'

const COLUMNS: Column<DatabaseStatus['migrations'][number]>[] = [
  { name: 'name', header: 'MIGRATION' },
  { name: 'state' },
]

/** Formats the status of the database schema for people. */
export async function renderStatus({ migrations, ...summary }: DatabaseStatus): Promise<string> {
  const options = { header: true, now: undefined, width: undefined, emphasize: boldOn(process.stdout) }
  return `${renderFields(summary)}\n${(await renderTable(COLUMNS, migrations, options)).text}`
}
