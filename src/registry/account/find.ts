import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { isoTime } from '../../db/sql/time.ts'
import { selectRowsByUuid } from '../../db/tables/many-rows.ts'
import type { AccountRow } from '../../db/tables/rows.ts'
import type { Item } from '../batch/batches.ts'
import { decide } from '../batch/decide.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { SYSTEM_ACCOUNTS } from '../rules/values.ts'

/**
 * Finds the accounts that are to be changed, and keeps others from changing them. One
 * that isn't there or is deleted is refused: ACCOUNT_NOT_FOUND, ACCOUNT_DELETED.
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

/** @throws VdcError ACCOUNT_DELETED. */
export function requireAlive(account: AccountRow): void {
  if (account.deleted_at === null) return
  throw new VdcError(
    'ACCOUNT_DELETED',
    `The account ${canonicalId('account', account.uuid)} was deleted at ${isoTime(account.deleted_at)}`,
  )
}

/**
 * Refuses to do to an account of the system what may never be done to one (dcmgr.md, "System accounts").
 *
 * @param deed for the message, such as `deleted`.
 * @throws VdcError SYSTEM_ACCOUNT.
 */
export function requireOrdinary(uuid: string, deed: string): void {
  const id = canonicalId('account', uuid)
  if (SYSTEM_ACCOUNTS.includes(id)) throw new VdcError('SYSTEM_ACCOUNT', `The system account ${id} cannot be ${deed}`)
}

/** The error for an account that isn't there. */
export function accountNotFound(uuid: string, hint = 'vdc-manage account list shows the accounts'): VdcError {
  return new VdcError('ACCOUNT_NOT_FOUND', `There is no account ${canonicalId('account', uuid)}`, { hint })
}
