import type * as z from 'zod/mini'
import type { Queryable } from '../../db/database.ts'
import { isOfWakame } from '../../db/schema/wakame.ts'
import type { Registry } from '../registry.ts'
import type { access, visibility } from '../results/image.ts'
import { DEFAULT_STATE, SHARED_POOL } from '../rules/values.ts'

type Visibility = z.output<typeof visibility>
type Access = z.output<typeof access>

interface Owned {
  account_id: string
  is_public: number
}

/** Says who can use an image. */
export function visibilityOf(image: Owned): Visibility {
  if (image.account_id === SHARED_POOL) return 'shared pool'
  return image.is_public === 1 ? 'public' : 'private'
}

/** Says why an account, given by its canonical id, can use an image that it can use. */
export function accessOf(image: Owned, accountId: string): Access {
  if (image.account_id === accountId) return 'own'
  return image.account_id === SHARED_POOL ? 'shared pool' : 'public'
}

/**
 * Tells, once, on a database of Wakame-vdc's, that its web API lists pool images that are not
 * public for the pool itself only, although every account can start instances of them
 * (dcmgr.md, "Where an image's bytes are").
 *
 * @param images as they are stored now, each with the registry that prints its warning.
 */
export async function warnOfUnlisted(
  db: Queryable,
  images: readonly { registry: Registry; image: Owned }[],
): Promise<void> {
  const unlisted = images.filter(({ image }) => image.account_id === SHARED_POOL && image.is_public !== 1)
  if (unlisted.length === 0 || !(await isOfWakame(db))) return
  for (const { registry } of unlisted)
    registry.warnOnce(
      "Every account can start images of the shared pool, but the web API's list shows those that are not public to their owner only; --is-public shows them to all",
    )
}

/**
 * The images that an account can use: alive, available, and its own, the shared
 * pool's or public (dcmgr.md, "System accounts"). Where deleted ones are wanted
 * too, they pass.
 */
export function usableBy(accountId: string): { ownedByOrPublic: string[]; states: string[] } {
  return { ownedByOrPublic: [...new Set([accountId, SHARED_POOL])], states: [DEFAULT_STATE, 'deleted'] }
}
