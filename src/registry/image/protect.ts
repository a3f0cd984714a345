import { claimUse } from '../../db/claims.ts'
import { isoTime, sqlTime } from '../../db/time.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { canonicalId, parseId } from '../identifiers.ts'
import { changeLabels } from '../labels.ts'
import type { Registry } from '../registry.ts'
import { PROTECTED_LABEL } from '../values.ts'
import { describeImage, type ImageDetails } from './details.ts'
import { existingImage, imageToChange, protectedSince } from './find.ts'

/**
 * Protects an image: without force it is not deleted or changed any more. A
 * label says so, which leaves no history (dcmgr.md, "Labels"); one that is
 * protected already stays so since then.
 *
 * @param id with or without its prefix.
 * @throws VdcError VALUE_REFUSED, IMAGE_NOT_FOUND, IMAGE_DELETED.
 */
export async function protectImage(registry: Registry, id: string): Promise<ImageDetails> {
  const uuid = parseId('image', id)
  const canonical = canonicalId('image', uuid)
  const { image, since } = await inTransaction(registry.database, async (trx) => {
    await claimUse(trx, canonical)
    await imageToChange(trx, uuid, { force: true })
    const since = await protectedSince(trx, canonical)
    const now = sqlTime(new Date())
    if (since === undefined) await changeLabels(trx, canonical, new Map([[PROTECTED_LABEL, isoTime(now)]]), now)
    return { image: await describeImage(registry, uuid, trx), since }
  })
  if (since !== undefined) registry.warn(`${canonical} is protected already, since ${since}`)
  return image
}

/**
 * Ends the protection of an image, also of one that was deleted all the same;
 * of one that has none nothing changes.
 *
 * @param id with or without its prefix.
 * @throws VdcError VALUE_REFUSED, IMAGE_NOT_FOUND.
 */
export async function unprotectImage(registry: Registry, id: string): Promise<ImageDetails> {
  const uuid = parseId('image', id)
  const canonical = canonicalId('image', uuid)
  const { image, missing } = await inTransaction(registry.database, async (trx) => {
    await existingImage(trx, uuid, { lock: 'update' })
    const missing = await changeLabels(trx, canonical, new Map([[PROTECTED_LABEL, null]]), sqlTime(new Date()))
    return { image: await describeImage(registry, uuid, trx), missing }
  })
  if (missing.length > 0) registry.warn(`${canonical} is not protected`)
  return image
}
