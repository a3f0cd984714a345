import { claimEnd, claimUse } from '../../db/claims.ts'
import type { Queryable } from '../../db/database.ts'
import { findImage } from '../../db/images.ts'
import { VdcError } from '../../errors.ts'
import { canonicalId, parseId } from '../identifiers.ts'
import { isDeleted } from './find.ts'

/**
 * Makes sure that a parent is there.
 *
 * @param parentId with or without prefix; null where there is none.
 * @param childUuid the image that is to have it, where that exists already: it can't descend from itself.
 * @returns the parent's canonical id; null without one.
 * @throws VdcError VALUE_REFUSED.
 */
export async function requireParent(
  db: Queryable,
  parentId: string | null,
  childUuid?: string,
): Promise<string | null> {
  if (parentId === null) return null
  const uuid = parseId('image', parentId)
  const id = canonicalId('image', uuid)
  if (childUuid !== undefined) await claimEnd(db, canonicalId('image', childUuid))
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
  if (childUuid !== undefined) await requireNoCycle(db, uuid, childUuid)
  return id
}

async function requireNoCycle(db: Queryable, parent: string, child: string): Promise<void> {
  const seen = new Set<string>()
  for (let uuid: string | undefined = parent; uuid !== undefined && !seen.has(uuid); ) {
    if (uuid === child) {
      throw new VdcError(
        'VALUE_REFUSED',
        `The image ${canonicalId('image', child)} can not descend from itself, as with the parent ${canonicalId('image', parent)} it would`,
      )
    }
    seen.add(uuid)
    await claimUse(db, canonicalId('image', uuid))
    const next: string | null | undefined = (await findImage(db, uuid, { lock: 'share' }))?.parent_image_id
    uuid = next?.replace(/^wmi-/, '')
  }
}
