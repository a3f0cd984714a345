import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { findAccount, isAccountUuidTaken } from '../../db/tables/accounts.ts'
import { claimUse } from '../../db/transactions/claims.ts'
import { lostRace } from '../../db/transactions/unit-of-work.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { writeAccount } from './add.ts'
import { accountNotFound, requireAlive } from './find.ts'

const ADD_IT = 'vdc-manage account add makes one; vdc-manage account list shows those there are'
const ADD_ON_THE_WAY = 'Add it on the way with --create-account; vdc-manage account list shows those there are'

/**
 * Makes sure, within a unit of work, that an account may own something new, and
 * keeps it as it is until the unit ends.
 *
 * @param options.create adds the account where it is missing, as the web API
 *   does on first use; undefined where that isn't offered.
 * @throws VdcError ACCOUNT_NOT_FOUND, ACCOUNT_DELETED, ACCOUNT_DISABLED.
 */
export async function requireOwner(db: Queryable, uuid: string, options: { create?: boolean } = {}): Promise<void> {
  const id = canonicalId('account', uuid)
  await claimUse(db, id)
  const account = await findAccount(db, uuid, { lock: 'share' })
  if (account === undefined) {
    if (!options.create) throw accountNotFound(uuid, options.create === undefined ? ADD_IT : ADD_ON_THE_WAY)
    if (await isAccountUuidTaken(db, uuid)) {
      // There was none when it was looked for, or there is one in another case.
      if ((await findAccount(db, uuid)) !== undefined) throw lostRace(`the account ${id}`)
      throw new VdcError('ID_TAKEN', `The account id ${id} is taken by one that differs only in case`, {
        hint: 'vdc-manage account list shows the accounts',
      })
    }
    await writeAccount(db, uuid, null)
    return
  }
  requireAlive(account)
  if (account.enabled !== 1) {
    throw new VdcError('ACCOUNT_DISABLED', `The account ${id} is disabled`, {
      hint: `vdc-manage account modify ${id} --enable lets it own images again`,
    })
  }
}
