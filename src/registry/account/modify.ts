import * as z from 'zod/mini'
import { updateAccount } from '../../db/accounts.ts'
import { claimEnd } from '../../db/claims.ts'
import { sqlTime } from '../../db/time.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { changesOf } from '../history.ts'
import { canonicalId, parseId } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import { requireStorable } from '../storable.ts'
import { clearable, line } from '../texts.ts'
import { validate } from '../validate.ts'
import { type Account, presentAccount } from './details.ts'
import { accountToChange, requireOrdinary } from './find.ts'

const accountChanges = z.object({
  description: z.optional(clearable(line)),
  enabled: z.optional(z.boolean()),
})

/** What `modifyAccount` changes; what isn't given stays. */
export type AccountChanges = z.input<typeof accountChanges>

/**
 * Changes an account.
 *
 * @param id with or without its prefix.
 * @throws VdcError VALUE_REFUSED, ACCOUNT_NOT_FOUND, ACCOUNT_DELETED; SYSTEM_ACCOUNT for disabling one of these.
 */
export async function modifyAccount(registry: Registry, id: string, request: AccountChanges): Promise<Account> {
  const uuid = parseId('account', id)
  const { description, enabled } = validate(accountChanges, request)
  if (enabled === false) requireOrdinary(uuid, 'disabled')
  await requireStorable(registry.database, 'accounts', { description })
  return inTransaction(registry.database, async (trx) => {
    if (enabled === false) await claimEnd(trx, canonicalId('account', uuid))
    const account = await accountToChange(trx, uuid)
    const changes = changesOf(account, { description, enabled: enabled === undefined ? undefined : Number(enabled) })
    if (Object.keys(changes).length === 0) return presentAccount(account)
    const written = { ...changes, updated_at: sqlTime(new Date()) }
    await updateAccount(trx, account.id, written)
    return presentAccount({ ...account, ...written })
  })
}
