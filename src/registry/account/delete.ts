import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { sqlTime } from '../../db/sql/time.ts'
import { updateAccounts } from '../../db/tables/accounts.ts'
import { selectAliveUuidsBy, selectValuesAlive } from '../../db/tables/images.ts'
import { deleteTagMappings } from '../../db/tables/tag-mappings.ts'
import { claimEnd } from '../../db/transactions/claims.ts'
import { inBatches, type Outcome } from '../batch/batches.ts'
import { decide, idsOf } from '../batch/decide.ts'
import type { Registry } from '../registry.ts'
import { ENOUGH_IDS, idList } from '../rules/identifiers.ts'
import { type Account, presentAccount } from './details.ts'
import { accountsToChange, requireOrdinary } from './find.ts'

/**
 * Deletes accounts softly (dcmgr.md, "Deleting"): marks their rows as deleted and
 * removes their tags. Their images and backup objects are kept.
 *
 * @param ids with or without prefix.
 * @param options.force delete accounts even if they own images that are not deleted.
 * @returns for each ID, the account or an error: VALUE_REFUSED, ACCOUNT_NOT_FOUND,
 *   ACCOUNT_DELETED, SYSTEM_ACCOUNT, or IN_USE, which names the images.
 */
export function deleteAccounts(
  registry: Registry,
  ids: readonly string[],
  options: { force: boolean },
): AsyncGenerator<Outcome<Account>> {
  return inBatches<Account, void>(registry, 'account', ids, {
    prepare: async (_, uuid) => requireOrdinary(uuid, 'deleted'),
    work: async (trx, items) => {
      await claimEnd(trx, ...idsOf(items))
      const accounts = await accountsToChange(trx, items)
      const owners = options.force ? new Set() : await selectValuesAlive(trx, 'account_id', idsOf(accounts.keys()))
      const doomed = await decide(accounts.keys(), async (item) => {
        if (owners.has(item.id)) await refuseOwner(trx, item.id)
        return accounts.get(item)
      })
      const now = sqlTime(new Date())
      const changes = { deleted_at: now, updated_at: now }
      await updateAccounts(trx, new Map(Array.from(doomed.values(), ({ id }) => [id, changes])))
      await deleteTagMappings(trx, idsOf(doomed.keys()))
      for (const item of doomed.keys()) item.happened = { kind: 'account', id: item.id, what: 'deleted' }
      return new Map([...doomed].map(([item, account]) => [item, presentAccount({ ...account, ...changes })]))
    },
  })
}

/** @throws VdcError IN_USE if the account owns images. */
async function refuseOwner(db: Queryable, id: string): Promise<void> {
  const images = await selectAliveUuidsBy(db, 'account_id', id, ENOUGH_IDS)
  if (images.length === 0) return
  throw new VdcError('IN_USE', `Account ${id} owns images: ${idList('image', images)}`, {
    hint: 'Delete them or give them to another account first, or delete the account anyway with --force',
  })
}
