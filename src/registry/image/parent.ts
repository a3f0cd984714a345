import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { findImage } from '../../db/tables/images.ts'
import { claimUse } from '../../db/transactions/claims.ts'
import { canonicalId, parseId } from '../rules/identifiers.ts'
import { isDeleted } from './find.ts'

/**
 * Makes sure that a parent is there.
 *
 * @param parentId with or without prefix; null where there is none.
 * @returns the parent's canonical id; null without one.
 * @throws VdcError VALUE_REFUSED.
 */
export async function requireParent(db: Queryable, parentId: string | null): Promise<string | null> {
  if (parentId === null) return null
  const uuid = parseId('image', parentId)
  const id = canonicalId('image', uuid)
  await claimUse(db, id)
  const parent = await findImage(db, uuid, { lock: 'share' })
  if (parent === undefined || isDeleted(parent)) {
    throw new VdcError(
      'VALUE_REFUSED',
      `The parent image ${id} ${parent === undefined ? 'does not exist' : 'is deleted'}`,
      {
        hint: 'It must be the id of an image that is there: vdc-manage image list shows them',
      },
    )
  }
  return id
}

/** A parent that images which exist already are to have. */
export interface NewParent {
  /** The parent's canonical id; null for none. */
  id: string | null
  /** The canonical ids of the parent and all that it descends from. */
  line: ReadonlySet<string>
}

/**
 * As `requireParent`, for images that exist already, which claim their end first: what
 * descends from them changes (`requireNoCycle`).
 *
 * @throws VdcError VALUE_REFUSED.
 */
export async function requireNewParent(db: Queryable, parentId: string | null): Promise<NewParent> {
  const id = await requireParent(db, parentId)
  const line = new Set<string>()
  for (let next = id; next !== null && !line.has(next); ) {
    line.add(next)
    await claimUse(db, next)
    const image = await findImage(db, next.replace(/^wmi-/, ''), { lock: 'share' })
    const parent: string | null = image?.parent_image_id ?? null
    next = parent && canonicalId('image', parent.replace(/^wmi-/, ''))
  }
  return { id, line }
}

/**
 * Refuses to make an image, by its canonical id, descend from itself.
 *
 * @throws VdcError VALUE_REFUSED.
 */
export function requireNoCycle(child: string, { id, line }: NewParent): void {
  if (!line.has(child)) return
  throw new VdcError(
    'VALUE_REFUSED',
    `The image ${child} cannot descend from itself, as with the parent ${id} it would`,
  )
}
