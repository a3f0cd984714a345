import { findAccount } from '../../db/accounts.ts'
import { sumOfImages } from '../../db/image-list.ts'
import type { AccountRow } from '../../db/rows.ts'
import { isoTime } from '../../db/time.ts'
import { canonicalId, parseId } from '../identifiers.ts'
import { type Exact, exactInteger } from '../int64.ts'
import type { Registry } from '../registry.ts'
import { accountNotFound } from './find.ts'

/** An account as people and scripts see it; times are ISO 8601 UTC. */
export interface Account {
  id: string
  description: string | null
  enabled: boolean
  created_at: string
  updated_at: string
  deleted_at: string | null
}

/** An account and what it has. */
export interface AccountDetails extends Account {
  /** The images that it owns and that aren't deleted. */
  image_count: number
  /** The bytes of these images' files as they lie in the storage; a file that several of them use counts once. */
  image_bytes: Exact
}

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
