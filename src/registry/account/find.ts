import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { isoTime } from '../../db/sql/time.ts'
import { selectRowsByUuid } from '../../db/tables/many-rows.ts'
import type { AccountRow } from '../../db/tables/rows.ts'
import type { Item } from '../batch/batches.ts'
import { decide } from '../batch/decide.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { SYSTEM_ACCOUNTS } from '../rules/values.ts'

const LIST_HINT = 'List all accounts with: vdc-manage account list'

/**
 * Finds the accounts to change and locks them until the unit of work ends.
 *
 * @returns the rows of the accounts found. The others are refused with
 *   ACCOUNT_NOT_FOUND or ACCOUNT_DELETED (`decide`).
 */
export async function accountsToChange<I extends Item>(
  db: Queryable,
  items: readonly I[],
): Promise<Map<I, AccountRow>> {
  const uuids = items.map(({ uuid }) => uuid)
  const rows = await selectRowsByUuid(db, 'accounts', uuids, { lock: 'update' })
  const byUuid = new Map(rows.map((row) => [row.uuid, row]))
  return decide(items, ({ uuid }) => {
    const account = byUuid.get(uuid)
    if (account === undefined) throw accountNotFound(uuid)
    requireAlive(account)
    return account
  })
}

/** @throws VdcError ACCOUNT_DELETED if the account is deleted. */
export function requireAlive(account: AccountRow): void {
  if (account.deleted_at === null) return
  throw new VdcError(
    'ACCOUNT_DELETED',
    `Account ${canonicalId('account', account.uuid)} was deleted at ${isoTime(account.deleted_at)}`,
    { hint: LIST_HINT },
  )
}

/**
 * Refuses actions that system accounts do not allow (dcmgr.md, "System accounts").
 *
 * @param action past participle for the message, such as `deleted`.
 * @throws VdcError SYSTEM_ACCOUNT if the account is a system account.
 */
export function requireOrdinary(uuid: string, action: string): void {
  const id = canonicalId('account', uuid)
  if (SYSTEM_ACCOUNTS.includes(id)) throw new VdcError('SYSTEM_ACCOUNT', `System account ${id} cannot be ${action}`)
}

/** Returns the error for an account that does not exist. */
export function accountNotFound(uuid: string, hint = LIST_HINT): VdcError {
  return new VdcError('ACCOUNT_NOT_FOUND', `Account ${canonicalId('account', uuid)} does not exist`, { hint })
}
