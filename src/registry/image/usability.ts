import type * as z from 'zod/mini'
import type { access, visibility } from '../results/image.ts'
import { DEFAULT_STATE, SHARED_POOL } from '../values.ts'

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
 * The images that an account can use: alive, available, and its own, the shared
 * pool's or public (dcmgr.md, "System accounts"). Where deleted ones are wanted
 * too, they pass.
 */
export function usableBy(accountId: string): { ownedByOrPublic: string[]; states: string[] } {
  return { ownedByOrPublic: [...new Set([accountId, SHARED_POOL])], states: [DEFAULT_STATE, 'deleted'] }
}
