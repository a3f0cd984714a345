import { VdcError } from '../../core/errors.ts'
import type { Database } from '../../db/database.ts'
import { charsetsOf } from '../../db/drivers/charsets.ts'

/** Values by column name; only strings are checked. */
type Values = Readonly<Record<string, unknown>>

/**
 * Refuses text that the columns of a table cannot store. Wakame-vdc's own tables
 * use three-byte utf8, which has no room for emoji (dcmgr.md, "Tables").
 * Queries the database only if the text contains such characters.
 *
 * @param subjects names for error messages, by column, where the column's name will not do.
 * @throws VdcError VALUE_REFUSED if a text does not fit; names the text and the character.
 */
export async function requireStorable(
  database: Database,
  table: string,
  values: Values,
  subjects: Readonly<Record<string, string>> = {},
): Promise<void> {
  const found = await findUnstorable(database, table, values)
  if (found === undefined) return
  throw new VdcError(
    'VALUE_REFUSED',
    `${subjects[found.column] ?? found.column} contains ${found.wide}, which the database cannot store: its character set is ${found.charset}`,
    { hint: 'Remove the character; only characters up to U+FFFF can be stored' },
  )
}

/** Returns whether the columns of a table can store these texts. If not, no row can contain them. */
export async function isStorable(database: Database, table: string, values: Values): Promise<boolean> {
  return (await findUnstorable(database, table, values)) === undefined
}

/** Returns whether a text contains characters that the database may be unable to store. Runs no query. */
export function isSuspect({ engine }: Database, values: Values): boolean {
  if (engine === 'sqlite') return false
  for (const column in values) if (wideIn(values[column]) !== undefined) return true
  return false
}

function wideIn(value: unknown): string | undefined {
  return typeof value === 'string' ? /[\u{10000}-\u{10ffff}]/u.exec(value)?.[0] : undefined
}

async function findUnstorable(database: Database, table: string, values: Values) {
  if (!isSuspect(database, values)) return undefined
  const suspects = Object.entries(values).flatMap(([column, value]) => {
    const wide = wideIn(value)
    return wide === undefined ? [] : [{ column, wide }]
  })
  const charsets = await charsetsOf(database, table)
  return suspects
    .map((suspect) => ({ ...suspect, charset: charsets.get(suspect.column) ?? 'utf8mb4' }))
    .find(({ charset }) => charset !== 'utf8mb4')
}
