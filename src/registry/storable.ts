import { charsetsOf } from '../db/charsets.ts'
import type { Database } from '../db/database.ts'
import { VdcError } from '../errors.ts'

/**
 * Refuses text that the columns of a table can't hold. Wakame-vdc's own tables
 * are utf8 of three bytes, where an emoji does not fit (dcmgr.md, "Tables").
 * Only text with such characters costs a query.
 *
 * @throws VdcError VALUE_REFUSED that names the column and the character.
 */
export async function requireStorable(
  database: Database,
  table: string,
  values: Readonly<Record<string, string | null | undefined>>,
): Promise<void> {
  const suspects = Object.entries(values).flatMap(([column, value]) => {
    const wide = [...(value ?? '')].find((character) => (character.codePointAt(0) as number) > 0xffff)
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
