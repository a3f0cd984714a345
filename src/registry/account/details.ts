import type * as z from 'zod/mini'
import { findAccount, selectAccounts } from '../../db/accounts.ts'
import type { AccountRow } from '../../db/rows.ts'
import { isoTime } from '../../db/time.ts'
import { canonicalId, parseId } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import type { account } from '../results/account.ts'
import { accountNotFound } from './find.ts'

/** An account as people and scripts see it; times are ISO 8601 UTC. */
export type Account = z.output<typeof account>

/** Lists the accounts, oldest first; deleted ones only with `deleted`. */
export async function listAccounts(registry: Registry, options: { deleted: boolean }): Promise<Account[]> {
  return (await selectAccounts(registry.database.knex, options)).map(presentAccount)
}

/**
 * Finds one account, deleted or not.
 *
 * @throws VdcError VALUE_REFUSED, ACCOUNT_NOT_FOUND.
 */
export async function showAccount(registry: Registry, id: string): Promise<Account> {
  const uuid = parseId('account', id)
  const row = await findAccount(registry.database.knex, uuid)
  if (row === undefined) throw accountNotFound(uuid)
  return presentAccount(row)
}

/** A row as people and scripts see it. */
export function presentAccount(row: Omit<AccountRow, 'id'>): Account {
  return {
    id: canonicalId('account', row.uuid),
    description: row.description,
    enabled: row.enabled === 1,
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
    deleted_at: isoTime(row.deleted_at),
  }
}
