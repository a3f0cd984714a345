import type { Queryable } from '../database.ts'
import { select } from '../statement.ts'
import type { Lock } from '../transactions/locks.ts'
import type { AccountRow, NewRow } from './rows.ts'
import { insertRow, updateRows } from './writes.ts'

/** Finds an account, deleted or not, by its exact uuid. Returns undefined if there is none. */
export async function findAccount(
  db: Queryable,
  uuid: string,
  options: { lock?: Lock } = {},
): Promise<AccountRow | undefined> {
  const rows = await select<AccountRow>(db, 'SELECT * FROM accounts WHERE uuid = ?', [uuid], options.lock)
  // The collation ignores case and trailing spaces.
  return rows.find((row) => row.uuid === uuid)
}

/** Returns true if a new account cannot have this uuid: the unique index ignores case. */
export async function isAccountUuidTaken(db: Queryable, uuid: string): Promise<boolean> {
  return (await select(db, 'SELECT id FROM accounts WHERE uuid = ?', [uuid])).length > 0
}

/** Inserts an account. */
export async function insertAccount(db: Queryable, row: NewRow<AccountRow>): Promise<void> {
  await insertRow(db, 'accounts', row)
}

/** Changes columns of accounts, given by integer ID. */
export async function updateAccounts(db: Queryable, changes: ReadonlyMap<number, Partial<AccountRow>>): Promise<void> {
  await updateRows(db, 'accounts', changes)
}
