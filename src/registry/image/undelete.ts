import * as z from 'zod/mini'
import { findAccount } from '../../db/accounts.ts'
import { findBackupObject } from '../../db/backup-objects.ts'
import { claimUse } from '../../db/claims.ts'
import type { Queryable } from '../../db/database.ts'
import { selectStatesBeforeDeletion } from '../../db/histories.ts'
import { findImage, updateImage } from '../../db/images.ts'
import type { ImageRow } from '../../db/rows.ts'
import { sqlTime } from '../../db/time.ts'
import { inTransaction } from '../../db/unit-of-work.ts'
import { VdcError } from '../../errors.ts'
import { requireAlive } from '../account/find.ts'
import { isDeleted as isObjectDeleted, objectDeleted } from '../backup-object/find.ts'
import { changesOf, recordChanges } from '../history.ts'
import { canonicalId, parseId } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import { validate } from '../validate.ts'
import { DEFAULT_STATE } from '../values.ts'
import { imageAttributes } from './attributes.ts'
import { describeImage, type ImageDetails } from './details.ts'
import { existingImage, hasHistory, isDeleted, stateBefore } from './find.ts'
import { objectsInVolumes } from './volumes.ts'

const undeleteRequest = z.object({ state: z.optional(imageAttributes.state) })

/**
 * Brings an image back that was deleted softly, in the state that it had before.
 * Its tags went with the deletion (dcmgr.md, "Deleting") and stay away, and its
 * parent may be deleted or purged, of which this warns. One that isn't deleted
 * stays as it is.
 *
 * @param id with or without its prefix.
 * @param request.state to give it; required where nothing recorded the state that it had.
 * @throws VdcError VALUE_REFUSED, IMAGE_NOT_FOUND; STATE_UNKNOWN; OBJECT_DELETED or
 *   OBJECT_CONFLICT where it could not boot, as its backup object, or that of
 *   one of its volumes, is deleted or gone; ACCOUNT_DELETED where its owner is deleted.
 */
export async function undeleteImage(
  registry: Registry,
  id: string,
  request: z.input<typeof undeleteRequest>,
): Promise<ImageDetails> {
  const { state: asked } = validate(undeleteRequest, request)
  const uuid = parseId('image', id)
  const canonical = canonicalId('image', uuid)
  const { image, wasDeleted, lack } = await inTransaction(registry.database, async (trx) => {
    const row = await existingImage(trx, uuid, { lock: 'update' })
    const wasDeleted = isDeleted(row)
    if (wasDeleted) {
      await requireBootable(trx, canonical, row.backup_object_id)
      for (const objectId of await objectsInVolumes(row.volumes)) await requireBootable(trx, canonical, objectId)
      await requireLivingOwner(trx, row.account_id)
      const now = sqlTime(new Date())
      const state = asked ?? (await stateBeforeDeletion(trx, canonical, row))
      const written = { ...changesOf<ImageRow>(row, { deleted_at: null, state }), updated_at: now }
      await updateImage(trx, row.id, written)
      await recordChanges(trx, canonical, written, now)
    }
    const lack = wasDeleted ? await lackOfParent(trx, canonical, row.parent_image_id) : undefined
    return { image: await describeImage(registry, uuid, trx), wasDeleted, lack }
  })
  if (lack !== undefined) registry.warn(lack)
  if (!wasDeleted) registry.warn(`${canonical} is not deleted`)
  return image
}

/** What an image without an object is, it may be again; one whose object is gone could never boot. */
async function requireBootable(db: Queryable, id: string, objectId: string | null): Promise<void> {
  if (objectId === null || objectId === '') return
  await claimUse(db, objectId)
  const object = objectId.startsWith('bo-')
    ? await findBackupObject(db, objectId.slice('bo-'.length), { lock: 'share' })
    : undefined
  if (object === undefined) {
    throw new VdcError('OBJECT_CONFLICT', `The backup object ${objectId} of ${id} is gone: the image could not boot`)
  }
  if (!isObjectDeleted(object)) return
  const { code, message } = objectDeleted(object)
  throw new VdcError(code, `${message}: the image ${id} could not boot`)
}

/** Why the parent of an image, both given by their canonical ids, is not there; undefined where it is, or there is none to be. */
async function lackOfParent(db: Queryable, id: string, parentId: string | null): Promise<string | undefined> {
  if (parentId === null || parentId === '') return undefined
  const parent = parentId.startsWith('wmi-') ? await findImage(db, parentId.slice('wmi-'.length)) : undefined
  if (parent === undefined) {
    return `The parent ${parentId} of ${id} ${(await hasHistory(db, parentId)) ? 'was purged' : 'is not there'}`
  }
  if (!isDeleted(parent)) return undefined
  return `The parent ${parentId} of ${id} is deleted: vdc-manage image undelete ${parentId} brings it back`
}

/** Wakame-vdc lets accounts own images before it has a row for them. */
async function requireLivingOwner(db: Queryable, accountId: string): Promise<void> {
  await claimUse(db, accountId)
  const owner = await findAccount(db, accountId.replace(/^a-/, ''), { lock: 'share' })
  if (owner !== undefined) requireAlive(owner)
}

/** What the history last told, else a row of which only `deleted_at` says that it is deleted. */
async function stateBeforeDeletion(db: Queryable, id: string, row: ImageRow): Promise<string> {
  const state = stateBefore(row, (await selectStatesBeforeDeletion(db, [id])).get(id))
  if (state !== undefined) return state
  throw new VdcError('STATE_UNKNOWN', `The state that ${id} had before it was deleted is not known`, {
    hint: `Its history does not record it. Give the state: vdc-manage image undelete ${id} --state ${DEFAULT_STATE}`,
  })
}
