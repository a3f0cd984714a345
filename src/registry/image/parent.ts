import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { findImage } from '../../db/tables/images.ts'
import { claimUse } from '../../db/transactions/claims.ts'
import { findByIdOrName } from '../names/by-id-or-name.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { isDeleted } from './find.ts'

/**
 * Checks that a parent image exists, and locks it until the unit of work ends.
 *
 * @param parentId with or without prefix, or a display name; null for no parent.
 * @returns the parent's canonical ID; null for no parent.
 * @throws VdcError VALUE_REFUSED if the parent does not exist or is deleted.
 */
export async function requireParent(db: Queryable, parentId: string | null): Promise<string | null> {
  if (parentId === null) return null
  const { uuid, found: parent } = await findByIdOrName(db, 'image', parentId, async (uuid) => {
    await claimUse(db, canonicalId('image', uuid))
    return findImage(db, uuid, { lock: 'share' })
  })
  const id = canonicalId('image', uuid)
  if (parent === undefined || isDeleted(parent)) {
    throw new VdcError(
      'VALUE_REFUSED',
      `Parent image ${id} ${parent === undefined ? 'does not exist' : 'is deleted'}`,
      {
        hint: 'Choose an existing image; list them with: vdc-manage image list',
      },
    )
  }
  return id
}

/** A new parent for existing images. */
export interface NewParent {
  /** The parent's canonical ID; null for no parent. */
  id: string | null
  /** The canonical IDs of the parent and all its ancestors. */
  line: ReadonlySet<string>
}

/**
 * Checks a new parent for existing images as `requireParent` does, and locks all its
 * ancestors for `requireNoCycle`. The caller must have claimed the end of the images.
 *
 * @throws VdcError VALUE_REFUSED if the parent does not exist or is deleted.
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
 * Refuses a parent that would make an image its own ancestor.
 *
 * @param child canonical ID of the image.
 * @throws VdcError VALUE_REFUSED if the parent is the image itself or descends from it.
 */
export function requireNoCycle(child: string, { id, line }: NewParent): void {
  if (!line.has(child)) return
  throw new VdcError('VALUE_REFUSED', `Image ${child} cannot have the parent ${id}: it would descend from itself`)
}
