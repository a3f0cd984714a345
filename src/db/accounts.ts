import type { Queryable } from './database.ts'
import { type Lock, locked } from './locks.ts'
import type { AccountRow, NewRow } from './rows.ts'
import { insertRow, updateRows } from './writes.ts'

/** Finds an account, deleted or not, by its exact uuid. */
export async function findAccount(
  db: Queryable,
  uuid: string,
  options: { lock?: Lock } = {},
): Promise<AccountRow | undefined> {
  const rows: AccountRow[] = await locked(db<AccountRow>('accounts').where({ uuid }), options.lock)
  // The collation ignores case and trailing blanks.
  return rows.find((row) => row.uuid === uuid)
}

/** Says whether a new account can't have this uuid: the unique index ignores case. */
export async function isAccountUuidTaken(db: Queryable, uuid: string): Promise<boolean> {
  return (await db('accounts').where({ uuid }).first('id')) !== undefined
}

export async function insertAccount(db: Queryable, row: NewRow<AccountRow>): Promise<void> {
  await insertRow(db, 'accounts', row)
}

/** Changes columns of accounts, given by their integer ids. */
export async function updateAccounts(db: Queryable, changes: ReadonlyMap<number, Partial<AccountRow>>): Promise<void> {
  await updateRows(db, 'accounts', changes)
}
