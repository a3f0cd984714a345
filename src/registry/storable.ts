import { charsetsOf } from '../db/charsets.ts'
import type { Database } from '../db/database.ts'
import { VdcError } from '../errors.ts'

/**
 * Refuses text that the columns of a table can't hold. Wakame-vdc's own tables
 * are utf8 of three bytes, where an emoji does not fit (dcmgr.md, "Tables").
 * Only text with such characters costs a query; values that are no text pass.
 *
 * @throws VdcError VALUE_REFUSED that names the column and the character.
 */
export async function requireStorable(
  database: Database,
  table: string,
  values: Readonly<Record<string, unknown>>,
): Promise<void> {
  const suspects = Object.entries(values).flatMap(([column, value]) => {
    const wide = typeof value === 'string' ? /[\u{10000}-\u{10ffff}]/u.exec(value)?.[0] : undefined
    return wide === undefined ? [] : [{ column, wide }]
  })
  if (suspects.length === 0) return
  const charsets = await charsetsOf(database, table)
  for (const { column, wide } of suspects) {
    const charset = charsets.get(column)
    if (charset === undefined || charset === 'utf8mb4') continue
    throw new VdcError(
      'VALUE_REFUSED',
      `${column} holds the character ${wide}, which the database can not store: ${table}.${column} is ${charset}`,
      {
        hint: 'Leave it out; characters up to U+FFFF fit',
      },
    )
  }
}
