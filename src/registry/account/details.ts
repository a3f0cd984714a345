import type * as z from 'zod/mini'
import { findAccount } from '../../db/accounts.ts'
import { sumOfImages } from '../../db/image-list.ts'
import type { AccountRow } from '../../db/rows.ts'
import { isoTime } from '../../db/time.ts'
import { canonicalId, parseId } from '../identifiers.ts'
import { exactInteger } from '../int64.ts'
import type { Registry } from '../registry.ts'
import type { account, accountDetails } from '../results/account.ts'
import { accountNotFound } from './find.ts'

/** An account as people and scripts see it; times are ISO 8601 UTC. */
export type Account = z.output<typeof account>

/** An account and what it has. */
export type AccountDetails = z.output<typeof accountDetails>

/**
 * Finds one account, deleted or not, and counts what it has.
 *
 * @throws VdcError VALUE_REFUSED, ACCOUNT_NOT_FOUND.
 */
export async function showAccount(registry: Registry, id: string): Promise<AccountDetails> {
  const uuid = parseId('account', id)
  const row = await findAccount(registry.database.knex, uuid)
  if (row === undefined) throw accountNotFound(uuid)
  const { images, bytes } = await sumOfImages(registry.database, canonicalId('account', uuid))
  return { ...presentAccount(row), image_count: images, image_bytes: exactInteger(bytes) }
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
