import type { Database, Queryable } from '../../db/database.ts'
import { insertHistories } from '../../db/tables/histories.ts'
import type { HistoryRow, NewRow } from '../../db/tables/rows.ts'
import type { LabelChange } from '../labels.ts'
import type { Registry } from '../registry.ts'
import { isStorable } from '../rules/storable.ts'
import { PROTECTED_LABEL } from '../rules/values.ts'
import { historyRow } from './history.ts'
import { labelKey } from './label-key.ts'

/** `attr` of a row that records a label: `name=value` for a label that was set, `name-` for a removed one. */
export const LABEL = 'label'
/** `attr` of a row that records protection: 1 or 0. */
export const PROTECTED = 'protected'

/** Bytes in a MySQL `text` column. */
const TEXT_BYTES = 65_535
/** Characters above U+FFFF, which have no room in tables with three-byte utf8. */
const WIDE = /[\u{10000}-\u{10ffff}]/gu

/**
 * Records changes of labels and protection, in rows that the Ruby programs do not read.
 *
 * @param changes by canonical ID.
 * @param now the time as stored in the tables, UTC.
 */
export async function recordLabels(
  db: Queryable,
  registry: Registry,
  changes: Iterable<readonly [id: string, changed: readonly LabelChange[]]>,
  now: string,
): Promise<void> {
  // The connection of the transaction may be the only one.
  const database = { ...registry.database, knex: db as Database['knex'] }
  const rows: NewRow<HistoryRow>[] = []
  for (const [id, changed] of changes)
    for (const change of changed) {
      const { attr, text } = recordOf(change)
      rows.push(historyRow(labelKey(id), attr, await storable(database, text), now))
    }
  await insertHistories(db, rows)
}

function recordOf({ name, value }: LabelChange): { attr: string; text: string } {
  if (name === PROTECTED_LABEL) return { attr: PROTECTED, text: value === null ? '0' : '1' }
  return { attr: LABEL, text: value === null ? `${name}-` : shortened(`${name}=${value}`) }
}

/** Shortens a text to what the column holds, as name and value may each fill a column. */
function shortened(text: string): string {
  if (Buffer.byteLength(text) <= TEXT_BYTES) return text
  const start = Buffer.from(text).subarray(0, TEXT_BYTES - Buffer.byteLength('…'))
  return `${new TextDecoder().decode(start, { stream: true })}…`
}

/** A table of labels that we created holds more characters than Wakame-vdc's histories. */
async function storable(database: Database, text: string): Promise<string> {
  const columns = { vchar_value: text, blob_value: text }
  return (await isStorable(database, 'histories', columns)) ? text : text.replaceAll(WIDE, '\ufffd')
}

/** Returns the label that a row with the attribute `LABEL` records; null for a removed one. */
export function labelIn(text: string): { name: string; value: string | null } {
  const equals = text.indexOf('=')
  return equals === -1
    ? { name: text.slice(0, -1), value: null }
    : { name: text.slice(0, equals), value: text.slice(equals + 1) }
}
