import { VdcError } from '../../core/errors.ts'
import type { Database } from '../../db/database.ts'
import { charsetsOf } from '../../db/drivers/charsets.ts'

/** Texts by their columns; values that are no text pass. */
type Values = Readonly<Record<string, unknown>>

/**
 * Refuses text that the columns of a table can't hold. Wakame-vdc's own tables
 * are utf8 of three bytes, where an emoji does not fit (dcmgr.md, "Tables").
 * Only text with such characters costs a query.
 *
 * @param subjects what a message calls a text that is not given under its column's name.
 * @throws VdcError VALUE_REFUSED that names the text and the character.
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
    `${subjects[found.column] ?? found.column} holds the character ${found.wide}, which the database cannot store: its text is ${found.charset}`,
    { hint: 'Leave it out; characters up to U+FFFF fit' },
  )
}

/** Says whether the columns of a table can hold these texts: what they can't hold, no row has. */
export async function isStorable(database: Database, table: string, values: Values): Promise<boolean> {
  return (await findUnstorable(database, table, values)) === undefined
}

/** Says whether there is text that a database may not be able to hold. */
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
