import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import type { Queryable } from '../../../db/database.ts'
import { sqlTime } from '../../../db/sql/time.ts'
import { selectIdsWithHistory, selectStatesBeforeDeletion } from '../../../db/tables/histories.ts'
import { updateImages } from '../../../db/tables/images.ts'
import { selectRowsByUuid } from '../../../db/tables/many-rows.ts'
import type { BackupObjectRow, ImageRow } from '../../../db/tables/rows.ts'
import { requireAlive } from '../../account/find.ts'
import { isDeleted as isObjectDeleted } from '../../backup-object/find.ts'
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
import { holdObjects, holdOwners, neededObjects } from './needed-rows.ts'
import { requireBootable, restoreObjects } from './restored-objects.ts'

const undeleteRequest = z.object({
  state: z.optional(imageAttributes.state),
  /** Restore deleted backup objects that the images need, too. */
  with_object: z.prefault(z.boolean(), false),
  strict: z.prefault(z.boolean(), false),
})

/**
 * Restores deleted images with the states that they had before. Their tags were removed
 * with the deletion (dcmgr.md, "Deleting") and are not restored. Warns about images that
 * are not deleted, and about parents that are deleted or purged.
 *
 * @param ids with or without prefix, or display names of deleted images.
 * @param request.state the new state; required if an image's earlier state is not recorded.
 * @param request.with_object restore the backup objects that they need, too, unless their files were purged.
 * @param request.strict refuse images that are not deleted, instead of a warning.
 * @returns an outcome per ID: the image, or VALUE_REFUSED, NAME_AMBIGUOUS, IMAGE_NOT_FOUND;
 *   STATE_UNKNOWN; with `strict`, IMAGE_NOT_DELETED; OBJECT_DELETED or OBJECT_CONFLICT if it could
 *   not boot because its backup object, or that of one of its volumes, is deleted or missing;
 *   ACCOUNT_DELETED if its owner is deleted.
 * @throws VdcError VALUE_REFUSED if the state is not valid.
 */
export function undeleteImages(
  registry: Registry,
  ids: readonly string[],
  request: z.input<typeof undeleteRequest>,
): AsyncGenerator<Outcome<ImageDetails>> {
  const { state: asked, strict, with_object: withObject } = validate(undeleteRequest, request)
  return inBatches<ImageDetails>(registry, 'image', ids, {
    named: 'deleted',
    work: async (trx, items) => {
      const existing = await existingImages(trx, items, { lock: 'update' })
      const images = await decide(existing.keys(), (item) => {
        const image = existing.get(item) as ImageRow
        if (strict && !isDeleted(image)) throw notDeleted(item.id)
        return image
      })
      const deleted = new Map([...images].filter(([, image]) => isDeleted(image)))
      const needed = await neededObjects(deleted)
      const objects = await holdObjects(trx, new Set([...needed.values()].flat()), withObject)
      const owners = await holdOwners(trx, new Set(Array.from(deleted.values(), (image) => image.account_id)))
      const states = await selectStatesBeforeDeletion(trx, idsOf(deleted.keys()))
      const restoring: BackupObjectRow[] = []
      const changes = await decide(deleted.keys(), async (item) => {
        const image = deleted.get(item) as ImageRow
        const also = [...restoring]
        for (const objectId of needed.get(item) ?? []) {
          const object = objects.get(objectId)
          also.push(...(await requireBootable(trx, item.id, objectId, object, withObject && also)))
        }
        const owner = owners.get(image.account_id)
        if (owner !== undefined) requireAlive(owner)
        const state = asked ?? stateBefore(image, states.get(item.id))
        if (state === undefined) throw stateUnknown(item.id)
        restoring.splice(0, restoring.length, ...also)
        return changesOf<ImageRow>(image, { deleted_at: null, state })
      })
      const now = sqlTime(new Date())
      await writeChanges(trx, updateImages, images, changes, now, 'image')
      const restored = new Set([...changes.keys()].flatMap((item) => needed.get(item) ?? []))
      const rows = new Map([...objects].filter(([id, object]) => restored.has(id) && isObjectDeleted(object)))
      if (rows.size > 0) await restoreObjects(trx, rows, now)
      for (const item of changes.keys()) {
        const thing = { kind: 'image', id: item.id, name: deleted.get(item)?.display_name } as const
        item.happened = { ...thing, what: 'restored', objects: needed.get(item)?.filter((id) => rows.has(id)) }
      }
      const details = await describeImages(trx, [...images.keys()])
      const undeleted = new Map([...deleted].filter(([item]) => changes.has(item)))
      for (const [item, warning] of await parentWarnings(trx, undeleted)) item.registry.warn(warning)
      for (const { id, registry } of [...images.keys()].filter((item) => !deleted.has(item)))
        registry.warn(`${id} is not deleted`)
      return details
    },
  })
}

function notDeleted(id: string): VdcError {
  return new VdcError('IMAGE_NOT_DELETED', `Image ${id} is not deleted`, {
    hint: 'Omit --strict to accept images that are not deleted',
  })
}

function stateUnknown(id: string): VdcError {
  return new VdcError('STATE_UNKNOWN', `The history of ${id} does not record its state before the deletion`, {
    hint: `Set the state with: vdc-manage image undelete ${id} --state ${DEFAULT_STATE}`,
  })
}

/** Returns warnings for restored images whose parent does not exist or is deleted. */
async function parentWarnings<I extends Item>(
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
  const warnings = new Map<I, string>()
  /** Images that are restored later than the current one, and so are still deleted. */
  const later = new Set(idsOf(undeleted.keys()))
  for (const [item, image] of undeleted) {
    later.delete(item.id)
    const parentId = parentOf(image)
    if (parentId === undefined) continue
    const subject = `The parent ${parentId} of ${item.id}`
    const parent = parents.get(parentId)
    if (parent === undefined)
      warnings.set(item, `${subject} ${purged.includes(parentId) ? 'was purged' : 'does not exist'}`)
    else if (isDeleted(parent) || later.has(parentId))
      warnings.set(item, `${subject} is deleted; restore it with: vdc-manage image undelete ${parentId}`)
  }
  return warnings
}
