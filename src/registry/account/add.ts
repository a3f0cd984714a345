import * as z from 'zod/mini'
import type { Queryable } from '../../db/database.ts'
import { sqlTime } from '../../db/sql/time.ts'
import { insertAccount, isAccountUuidTaken } from '../../db/tables/accounts.ts'
import { inTransaction } from '../../db/transactions/unit-of-work.ts'
import type { Registry } from '../registry.ts'
import { requireFreeUuid } from '../rules/identifiers.ts'
import { requireStorable } from '../rules/storable.ts'
import { line, orNull } from '../rules/texts.ts'
import { validate } from '../rules/validate.ts'
import { type Account, presentAccount } from './details.ts'

const accountRequest = z.object({
  uuid: z.optional(z.string()),
  description: orNull(line),
})

/** The input of `addAccount`. The ID may have its prefix; without one, it is generated. */
export type AccountRequest = z.input<typeof accountRequest>

/**
 * Adds an account.
 *
 * @throws VdcError VALUE_REFUSED if the request is not valid; ID_TAKEN if the ID is or was in use.
 */
export async function addAccount(registry: Registry, request: AccountRequest): Promise<Account> {
  const { uuid: given, description } = validate(accountRequest, request)
  await requireStorable(registry.database, 'accounts', { description })
  return inTransaction(registry.database, async (trx) => {
    const uuid = await requireFreeUuid('account', given, (taken) => isAccountUuidTaken(trx, taken))
    return writeAccount(trx, uuid ?? registry.generateUuid(), description)
  })
}

/** Inserts an account. Must run within a unit of work. */
export async function writeAccount(db: Queryable, uuid: string, description: string | null): Promise<Account> {
  const now = sqlTime(new Date())
  const row = { uuid, description, enabled: 1, created_at: now, updated_at: now, deleted_at: null, purged_at: null }
  await insertAccount(db, row)
  return presentAccount(row)
}
