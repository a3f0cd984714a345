import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { findAccount, isAccountUuidTaken } from '../../db/tables/accounts.ts'
import { claimUse } from '../../db/transactions/claims.ts'
import { lostRace } from '../../db/transactions/unit-of-work.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { writeAccount } from './add.ts'
import { accountNotFound, requireAlive } from './find.ts'

const ADD_HINT = 'Create it with vdc-manage account add, or list accounts with: vdc-manage account list'
const CREATE_HINT = 'Create it with --create-account, or list accounts with: vdc-manage account list'

/**
 * Checks that an account may own something new, and locks it until the unit of work
 * ends. Must run within a unit of work.
 *
 * @param options.create create the account if it does not exist, as the web API does
 *   on first use; `later` only checks whether that is possible; undefined if the command has no such option.
 * @throws VdcError ACCOUNT_NOT_FOUND if it does not exist; ACCOUNT_DELETED or
 *   ACCOUNT_DISABLED if it is deleted or disabled; ID_TAKEN if another ID differs
 *   from it only in case.
 */
export async function requireOwner(
  db: Queryable,
  uuid: string,
  options: { create?: boolean | 'later' } = {},
): Promise<void> {
  const id = canonicalId('account', uuid)
  await claimUse(db, id)
  const account = await findAccount(db, uuid, { lock: 'share' })
  if (account === undefined) {
    if (!options.create) throw accountNotFound(uuid, options.create === undefined ? ADD_HINT : CREATE_HINT)
    if (await isAccountUuidTaken(db, uuid)) {
      // Either another process has just added it, or the IDs differ only in case.
      if ((await findAccount(db, uuid)) !== undefined) throw lostRace(`the account ${id}`)
      throw new VdcError('ID_TAKEN', `The account ID ${id} differs only in case from an existing one`, {
        hint: 'List all accounts with: vdc-manage account list',
      })
    }
    if (options.create !== 'later') await writeAccount(db, uuid, null)
    return
  }
  requireAlive(account)
  if (account.enabled !== 1) {
    throw new VdcError('ACCOUNT_DISABLED', `Account ${id} is disabled`, {
      hint: `Enable it with: vdc-manage account modify ${id} --enable`,
    })
  }
}
