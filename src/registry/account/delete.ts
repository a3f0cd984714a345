import { updateAccount } from '../../db/accounts.ts'
import { claimEnd } from '../../db/claims.ts'
import { selectAliveUuidsBy } from '../../db/images.ts'
import { deleteTagMappings } from '../../db/tag-mappings.ts'
import { sqlTime } from '../../db/time.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { VdcError } from '../../errors.ts'
import { canonicalId, ENOUGH_IDS, idList, parseId } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import { type Account, presentAccount } from './details.ts'
import { accountToChange, requireOrdinary } from './find.ts'

/**
 * Deletes an account softly (dcmgr.md, "Deleting"): its row stays and says so,
 * its tags go, what it owns stays.
 *
 * @param options.force also while it owns images that aren't deleted.
 * @throws VdcError VALUE_REFUSED, ACCOUNT_NOT_FOUND, ACCOUNT_DELETED, SYSTEM_ACCOUNT, IN_USE that names images.
 */
export async function deleteAccount(registry: Registry, id: string, options: { force: boolean }): Promise<Account> {
  const uuid = parseId('account', id)
  const canonical = canonicalId('account', uuid)
  requireOrdinary(uuid, 'deleted')
  return inTransaction(registry.database, async (trx) => {
    await claimEnd(trx, canonical)
    const account = await accountToChange(trx, uuid)
    const images = await selectAliveUuidsBy(trx, 'account_id', canonical, ENOUGH_IDS)
    if (images.length > 0 && !options.force) {
      throw new VdcError('IN_USE', `The account ${canonical} owns images: ${idList('image', images)}`, {
        hint: 'Delete them or give them to another account first; --force deletes the account all the same',
      })
    }
    const now = sqlTime(new Date())
    const changes = { deleted_at: now, updated_at: now }
    await updateAccount(trx, account.id, changes)
    await deleteTagMappings(trx, [canonical])
    return presentAccount({ ...account, ...changes })
  })
}
