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

/** Returns which accounts can use an image. */
export function visibilityOf(image: Owned): Visibility {
  if (image.account_id === SHARED_POOL) return 'shared pool'
  return image.is_public === 1 ? 'public' : 'private'
}

/**
 * Returns why an account can use an image; assumes that it can.
 *
 * @param accountId canonical ID.
 */
export function accessOf(image: Owned, accountId: string): Access {
  if (image.account_id === accountId) return 'own'
  return image.account_id === SHARED_POOL ? 'shared pool' : 'public'
}

/**
 * Warns once, on a Wakame-vdc database, about images of the shared pool that are not public:
 * every account can start instances of them, but Wakame-vdc's web API lists them for the
 * pool only (dcmgr.md, "Where an image's bytes are").
 *
 * @param images the stored images, each with the registry that prints its warning.
 */
export async function warnOfUnlisted(
  db: Queryable,
  images: readonly { registry: Registry; image: Owned }[],
): Promise<void> {
  const unlisted = images.filter(({ image }) => image.account_id === SHARED_POOL && image.is_public !== 1)
  if (unlisted.length === 0 || !(await isOfWakame(db))) return
  for (const { registry } of unlisted)
    registry.warnOnce(
      'Every account can start images of the shared pool, but the web API lists those that are not public for their owner only; set --is-public to list them for every account',
    )
}

/**
 * Returns the filter for the images that an account can use: available images that it
 * owns, that the shared pool owns, or that are public (dcmgr.md, "System accounts"). The
 * filter lets deleted images through, for lists that include them.
 *
 * @param accountId canonical ID.
 */
export function usableBy(accountId: string): { ownedByOrPublic: string[]; states: string[] } {
  return { ownedByOrPublic: [...new Set([accountId, SHARED_POOL])], states: [DEFAULT_STATE, 'deleted'] }
}
