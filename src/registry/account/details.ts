import type * as z from 'zod/mini'
import type { Database } from '../../db/database.ts'
import { sumOfImages } from '../../db/lists/image-sum.ts'
import { isoTime } from '../../db/sql/time.ts'
import { findAccount } from '../../db/tables/accounts.ts'
import { selectImagesWithVolumes } from '../../db/tables/images.ts'
import type { AccountRow } from '../../db/tables/rows.ts'
import { objectsInVolumes } from '../image/volumes.ts'
import { field, type Presentation, presenting } from '../presentation.ts'
import type { Registry } from '../registry.ts'
import type { account, accountDetails } from '../results/account.ts'
import { canonicalId, parseId } from '../rules/identifiers.ts'
import { exactInteger } from '../rules/int64.ts'
import { accountNotFound } from './find.ts'

/** An account in results; times are ISO 8601 UTC. */
export type Account = z.output<typeof account>

/** An account with the number and total size of its images. */
export type AccountDetails = z.output<typeof accountDetails>

/**
 * Returns an account, deleted or not, with the number and size in bytes of its images.
 *
 * @param id with or without prefix.
 * @throws VdcError VALUE_REFUSED if the ID is not valid; ACCOUNT_NOT_FOUND if it does not exist.
 */
export async function showAccount(registry: Registry, id: string): Promise<AccountDetails> {
  const uuid = parseId('account', id)
  const row = await findAccount(registry.database.knex, uuid)
  if (row === undefined) throw accountNotFound(uuid)
  const owner = canonicalId('account', uuid)
  const { images, bytes } = await sumOfImages(registry.database, owner, await volumesOf(registry.database, owner))
  return { ...presentAccount(row), image_count: images, image_bytes: exactInteger(bytes) }
}

/** Returns the canonical IDs of the backup objects used by the volumes of an account's images. */
async function volumesOf({ knex }: Database, accountId: string): Promise<string[]> {
  const objects = new Set<string>()
  for (const { volumes } of await selectImagesWithVolumes(knex, { deleted: false, accountId }))
    for (const id of await objectsInVolumes(volumes)) objects.add(id)
  return [...objects]
}

/** The fields of an account in results, and the columns that each one needs. */
export const ACCOUNT: Presentation<Omit<AccountRow, 'id'>, Account> = {
  id: [({ uuid }) => canonicalId('account', uuid), 'uuid'],
  description: field('description'),
  enabled: [({ enabled }) => enabled === 1, 'enabled'],
  created_at: [(row) => isoTime(row.created_at), 'created_at'],
  updated_at: [(row) => isoTime(row.updated_at), 'updated_at'],
  deleted_at: [(row) => isoTime(row.deleted_at), 'deleted_at'],
}

/** Converts a row to an account in results. */
export const { present: presentAccount } = presenting(ACCOUNT)
