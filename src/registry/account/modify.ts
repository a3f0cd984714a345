import * as z from 'zod/mini'
import { sqlTime } from '../../db/sql/time.ts'
import { updateAccounts } from '../../db/tables/accounts.ts'
import type { AccountRow } from '../../db/tables/rows.ts'
import { claimEnd } from '../../db/transactions/claims.ts'
import { inBatches, type Outcome } from '../batch/batches.ts'
import { idsOf } from '../batch/decide.ts'
import { changeOf } from '../happened.ts'
import { changesOf } from '../history/history.ts'
import type { Registry } from '../registry.ts'
import { requireStorable } from '../rules/storable.ts'
import { clearable, line } from '../rules/texts.ts'
import { validate } from '../rules/validate.ts'
import { type Account, presentAccount } from './details.ts'
import { accountsToChange, requireOrdinary } from './find.ts'

const accountChanges = z.object({
  description: z.optional(clearable(line)),
  enabled: z.optional(z.boolean()),
})

/** The changes for `modifyAccounts`. Omitted fields stay unchanged. */
export type AccountChanges = z.input<typeof accountChanges>

/**
 * Changes accounts.
 *
 * @param ids with or without prefix.
 * @returns for each ID, the account or an error: VALUE_REFUSED, ACCOUNT_NOT_FOUND,
 *   ACCOUNT_DELETED, or SYSTEM_ACCOUNT for disabling a system account.
 */
export function modifyAccounts(
  registry: Registry,
  ids: readonly string[],
  request: AccountChanges,
): AsyncGenerator<Outcome<Account>> {
  return inBatches<Account, z.output<typeof accountChanges>>(registry, 'account', ids, {
    prepare: async (registry, uuid) => {
      const given = validate(accountChanges, request)
      if (given.enabled === false) requireOrdinary(uuid, 'disabled')
      await requireStorable(registry.database, 'accounts', { description: given.description })
      return given
    },
    work: async (trx, items) => {
      await claimEnd(trx, ...idsOf(items.filter(({ given }) => given.enabled === false)))
      const accounts = await accountsToChange(trx, items)
      const now = sqlTime(new Date())
      const modified = new Map<(typeof items)[number], AccountRow>()
      const written = new Map<number, Partial<AccountRow>>()
      for (const [item, account] of accounts) {
        const { description, enabled } = item.given
        const changes = changesOf(account, {
          description,
          enabled: enabled === undefined ? undefined : Number(enabled),
        })
        const isChanged = Object.keys(changes).length > 0
        if (description !== undefined || enabled !== undefined)
          item.happened = await changeOf(trx, { kind: 'account', id: item.id }, account, changes)
        const columns = isChanged ? { ...changes, updated_at: now } : {}
        if (isChanged) written.set(account.id, columns)
        modified.set(item, { ...account, ...columns })
      }
      await updateAccounts(trx, written)
      return new Map([...modified].map(([item, account]) => [item, presentAccount(account)]))
    },
  })
}
