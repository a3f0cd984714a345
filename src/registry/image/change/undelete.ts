import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import type { Queryable } from '../../../db/database.ts'
import { sqlTime } from '../../../db/sql/time.ts'
import { selectIdsWithHistory, selectStatesBeforeDeletion } from '../../../db/tables/histories.ts'
import { updateImages } from '../../../db/tables/images.ts'
import { selectRowsByUuid } from '../../../db/tables/many-rows.ts'
import type { AccountRow, BackupObjectRow, ImageRow } from '../../../db/tables/rows.ts'
import { claimUse } from '../../../db/transactions/claims.ts'
import { requireAlive } from '../../account/find.ts'
import { isDeleted as isObjectDeleted, objectDeleted } from '../../backup-object/find.ts'
import { type Item, inBatches, type Outcome } from '../../batch/batches.ts'
import { decide, idsOf } from '../../batch/decide.ts'
import { writeChanges } from '../../batch/write-changes.ts'
import { changesOf } from '../../history/history.ts'
import type { Registry } from '../../registry.ts'
import { canonicalId, uuidsIn } from '../../rules/identifiers.ts'
import { validate } from '../../rules/validate.ts'
import { DEFAULT_STATE } from '../../rules/values.ts'
import { imageAttributes } from '../attributes.ts'
import { describeImages, type ImageDetails } from '../details.ts'
import { existingImages, isDeleted, stateBefore } from '../find.ts'
import { objectsInVolumes } from '../volumes.ts'

const undeleteRequest = z.object({ state: z.optional(imageAttributes.state) })

/**
 * Brings images back that were deleted softly, in the states that they had before.
 * Their tags went with the deletion (dcmgr.md, "Deleting") and stay away, and a
 * parent may be deleted or purged, of which this warns. One that isn't deleted
 * stays as it is.
 *
 * @param ids with or without prefix.
 * @param request.state to give them; required where nothing recorded the state that one had.
 * @returns of each the image, or VALUE_REFUSED, IMAGE_NOT_FOUND; STATE_UNKNOWN; OBJECT_DELETED or
 *   OBJECT_CONFLICT where it could not boot, as its backup object, or that of
 *   one of its volumes, is deleted or gone; ACCOUNT_DELETED where its owner is deleted.
 * @throws VdcError VALUE_REFUSED for a state that an image can't be given.
 */
export function undeleteImages(
  registry: Registry,
  ids: readonly string[],
  request: z.input<typeof undeleteRequest>,
): AsyncGenerator<Outcome<ImageDetails>> {
  const { state: asked } = validate(undeleteRequest, request)
  return inBatches<ImageDetails>(registry, 'image', ids, {
    work: async (trx, items) => {
      const images = await existingImages(trx, items, { lock: 'update' })
      const deleted = new Map([...images].filter(([, image]) => isDeleted(image)))
      const needed = await neededObjects(deleted)
      const objects = await holdObjects(trx, new Set([...needed.values()].flat()))
      const owners = await holdOwners(trx, new Set(Array.from(deleted.values(), (image) => image.account_id)))
      const states = await selectStatesBeforeDeletion(trx, idsOf(deleted.keys()))
      const changes = await decide(deleted.keys(), (item) => {
        const image = deleted.get(item) as ImageRow
        for (const objectId of needed.get(item) ?? []) requireBootable(item.id, objectId, objects.get(objectId))
        const owner = owners.get(image.account_id)
        if (owner !== undefined) requireAlive(owner)
        const state = asked ?? stateBefore(image, states.get(item.id))
        if (state === undefined) throw stateUnknown(item.id)
        return changesOf<ImageRow>(image, { deleted_at: null, state })
      })
      await writeChanges(trx, updateImages, images, changes, sqlTime(new Date()))
      const details = await describeImages(trx, [...images.keys()])
      const undeleted = new Map([...deleted].filter(([item]) => changes.has(item)))
      for (const [item, lack] of await lacksOfParents(trx, undeleted)) item.registry.warn(lack)
      for (const { id, registry } of [...images.keys()].filter((item) => !deleted.has(item)))
        registry.warn(`${id} is not deleted`)
      return details
    },
  })
}

/** The backup objects, by canonical ids, that images boot from and have volumes of. */
async function neededObjects<I>(images: ReadonlyMap<I, ImageRow>): Promise<Map<I, string[]>> {
  const needed = new Map<I, string[]>()
  for (const [item, { backup_object_id: id, volumes }] of images) {
    // What an image without an object is, it may be again; one whose object is gone could never boot.
    const own = id === null || id === '' ? [] : [id]
    needed.set(item, [...own, ...(await objectsInVolumes(volumes))])
  }
  return needed
}

/** The objects that are there, by their canonical ids, kept as they are until the unit of work ends. */
async function holdObjects(db: Queryable, ids: ReadonlySet<string>): Promise<Map<string, BackupObjectRow>> {
  await claimUse(db, ...ids)
  const objects = await selectRowsByUuid(db, 'backup_objects', uuidsIn('backupObject', ids), { lock: 'share' })
  return new Map(objects.map((object) => [canonicalId('backupObject', object.uuid), object]))
}

/** As `holdObjects`, of accounts. Wakame-vdc lets accounts own images before it has rows for them. */
async function holdOwners(db: Queryable, ids: ReadonlySet<string>): Promise<Map<string, AccountRow>> {
  await claimUse(db, ...ids)
  const uuids = Array.from(ids, (id) => id.replace(/^a-/, ''))
  const accounts = await selectRowsByUuid(db, 'accounts', uuids, { lock: 'share' })
  const byUuid = new Map(accounts.map((account) => [account.uuid, account]))
  return new Map(
    [...ids].flatMap((id) => {
      const account = byUuid.get(id.replace(/^a-/, ''))
      return account === undefined ? [] : [[id, account]]
    }),
  )
}

/** @throws VdcError OBJECT_CONFLICT, OBJECT_DELETED. */
function requireBootable(id: string, objectId: string, object: BackupObjectRow | undefined): void {
  if (object === undefined) {
    throw new VdcError('OBJECT_CONFLICT', `The backup object ${objectId} of ${id} is gone: the image could not boot`)
  }
  if (!isObjectDeleted(object)) return
  const { code, message } = objectDeleted(object)
  throw new VdcError(code, `${message}: the image ${id} could not boot`)
}

function stateUnknown(id: string): VdcError {
  return new VdcError('STATE_UNKNOWN', `The state that ${id} had before it was deleted is not known`, {
    hint: `Its history does not record it. Give the state: vdc-manage image undelete ${id} --state ${DEFAULT_STATE}`,
  })
}

/** Why the parents of images that were just brought back are not there; only of those whose parent isn't. */
async function lacksOfParents<I extends Item>(
  db: Queryable,
  undeleted: ReadonlyMap<I, ImageRow>,
): Promise<Map<I, string>> {
  const parentOf = ({ parent_image_id: id }: ImageRow) => (id === null || id === '' ? undefined : id)
  const parentIds = [...new Set(Array.from(undeleted.values(), parentOf))].filter((id) => id !== undefined)
  const rows = await selectRowsByUuid(db, 'images', uuidsIn('image', parentIds))
  const parents = new Map(rows.map((row) => [canonicalId('image', row.uuid), row]))
  const purged = await selectIdsWithHistory(
    db,
    parentIds.filter((id) => !parents.has(id)),
  )
  const lacks = new Map<I, string>()
  /** Of several images, those after one are still deleted when that is brought back. */
  const later = new Set(idsOf(undeleted.keys()))
  for (const [item, image] of undeleted) {
    later.delete(item.id)
    const parentId = parentOf(image)
    if (parentId === undefined) continue
    const parent = parents.get(parentId)
    if (parent === undefined)
      lacks.set(
        item,
        `The parent ${parentId} of ${item.id} ${purged.includes(parentId) ? 'was purged' : 'is not there'}`,
      )
    else if (isDeleted(parent) || later.has(parentId))
      lacks.set(
        item,
        `The parent ${parentId} of ${item.id} is deleted: vdc-manage image undelete ${parentId} brings it back`,
      )
  }
  return lacks
}
