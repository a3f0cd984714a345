import * as z from 'zod/mini'
import type { Queryable } from '../../../db/database.ts'
import { sqlTime } from '../../../db/sql/time.ts'
import { updateImages } from '../../../db/tables/images.ts'
import type { ImageRow } from '../../../db/tables/rows.ts'
import { claimEnd } from '../../../db/transactions/claims.ts'
import { requireOwner } from '../../account/owner.ts'
import { requireUsableObject } from '../../backup-object/find.ts'
import { type Item, inBatches, type Outcome } from '../../batch/batches.ts'
import { askedOnce, decide, idsOf } from '../../batch/decide.ts'
import { writeChanges } from '../../batch/write-changes.ts'
import { changesOf } from '../../history/history.ts'
import type { Registry } from '../../registry.ts'
import { canonicalId, parseId, requireSameUuid } from '../../rules/identifiers.ts'
import { clearable } from '../../rules/texts.ts'
import { validate } from '../../rules/validate.ts'
import { warnOfUnlisted } from '../access.ts'
import { checkImageAttributes, imageAttributes } from '../attributes.ts'
import { forgetResults } from '../check/save-result.ts'
import { describeImages, type ImageDetails } from '../details.ts'
import { imagesToChange } from '../find.ts'
import { requireNewParent, requireNoCycle } from '../parent.ts'
import { formatWarningsOf } from '../register/object-format.ts'

const imageChanges = z.partial(
  z.object({
    ...imageAttributes,
    uuid: z.string(),
    description: clearable(imageAttributes.description),
    root_device: clearable(imageAttributes.root_device),
    parent_image_id: clearable(imageAttributes.parent_image_id),
    backup_object_id: clearable(z.string()),
  }),
)

/** The attributes to change. Others stay as they are; an empty string clears a column that may be NULL. */
export type ImageChanges = z.input<typeof imageChanges>

/** The validated changes with the owner's uuid. */
type Given = z.output<typeof imageChanges> & { owner: string | undefined }

/**
 * Changes images and records the changes in their histories.
 *
 * @param ids with or without prefix.
 * @param options.force change protected images, too.
 * @returns an outcome per ID: the image, or VALUE_REFUSED, IMAGE_NOT_FOUND, IMAGE_DELETED,
 *   IMAGE_PROTECTED, ACCOUNT_…, OBJECT_….
 */
export function modifyImages(
  registry: Registry,
  ids: readonly string[],
  request: ImageChanges,
  options: { force: boolean },
): AsyncGenerator<Outcome<ImageDetails>> {
  const isEmpty = Object.values(request).every((value) => value === undefined)
  return inBatches<ImageDetails, Given>(registry, 'image', ids, {
    prepare: async (registry, uuid) => {
      const given = validate(imageChanges, request)
      requireSameUuid('image', uuid, given.uuid)
      await checkImageAttributes(registry, given)
      return { ...given, owner: given.account_id === undefined ? undefined : parseId('account', given.account_id) }
    },
    work: async (trx, items) => {
      // Protection is against changes, and an empty request changes nothing.
      const images = await imagesToChange(trx, items, { force: options.force || isEmpty })
      await claimEnd(trx, ...idsOf([...images.keys()].filter(({ given }) => typeof given.parent_image_id === 'string')))
      const columnsOf = requiringAll(trx)
      const changes = await decide(images.keys(), async (item) => {
        const image = images.get(item) as ImageRow
        return changesOf(image, await columnsOf(item, image))
      })
      const now = sqlTime(new Date())
      await writeChanges(trx, updateImages, images, changes, now, 'image')
      if (isEmpty) for (const item of items) item.happened = undefined
      const modified = Array.from(changes, ([item, changed]): Modified => {
        return { item, image: { ...(images.get(item) as ImageRow), ...changed }, changed }
      })
      await forgetResults(
        trx,
        modified.filter(bootsFromElse).map(({ item }) => item),
        now,
      )
      const moved = modified.filter(
        ({ changed }) => changed.account_id !== undefined || changed.is_public !== undefined,
      )
      await warnOfUnlisted(
        trx,
        moved.map(({ item, image }) => ({ registry: item.registry, image })),
      )
      const details = await describeImages(trx, [...changes.keys()])
      await warnOfFormats(trx, modified)
      return details
    },
  })
}

/** A changed image and its changed columns. */
interface Modified {
  item: Item<Given>
  image: ImageRow
  changed: Partial<ImageRow>
}

/** Returns whether the saved check of an image is no longer about what it boots from. */
function bootsFromElse({ changed }: Modified): boolean {
  return changed.backup_object_id !== undefined || changed.file_format !== undefined
}

/** Warns about images that may not boot with their new format or backup object. */
async function warnOfFormats(db: Queryable, modified: readonly Modified[]): Promise<void> {
  const formatted = modified.filter(
    ({ item: { given } }) => given.file_format !== undefined || typeof given.backup_object_id === 'string',
  )
  const warnings = await formatWarningsOf(
    db,
    formatted.map(({ image }) => image),
  )
  for (const { item } of formatted) {
    const warning = warnings.get(item.uuid)
    if (warning !== undefined) item.registry.warn(warning)
  }
}

/**
 * Returns a function that computes the new columns of an image. It checks that the owner,
 * the parent and the backup object exist, once for all images of a unit of work, and locks
 * them until the unit ends. It throws ACCOUNT_…, OBJECT_… or VALUE_REFUSED.
 */
function requiringAll(db: Queryable) {
  const owners = askedOnce((uuid: string) => requireOwner(db, uuid))
  const parents = askedOnce((id: string | null) => requireNewParent(db, id))
  const objects = askedOnce(async (id: string) => canonicalId('backupObject', (await requireUsableObject(db, id)).uuid))
  return async (
    { id, given }: Item<Given>,
    image: ImageRow,
  ): Promise<{ [K in keyof ImageRow]?: ImageRow[K] | undefined }> => {
    const { owner, parent_image_id: parentId, backup_object_id: objectId } = given
    const ownerId = owner === undefined ? undefined : canonicalId('account', owner)
    if (owner !== undefined && ownerId !== image.account_id) await owners(owner)
    const parent = parentId === undefined ? undefined : await parents(parentId)
    if (parent !== undefined) requireNoCycle(id, parent)
    return {
      account_id: ownerId,
      arch: given.arch,
      description: given.description,
      is_public: given.is_public === undefined ? undefined : Number(given.is_public),
      state: given.state,
      file_format: given.file_format,
      root_device: given.root_device,
      is_cacheable: given.is_cacheable === undefined ? undefined : Number(given.is_cacheable),
      instance_model_name: given.instance_model_name,
      parent_image_id: parent?.id,
      service_type: given.service_type,
      display_name: given.display_name,
      backup_object_id: typeof objectId === 'string' ? await objects(objectId) : objectId,
      os_type: given.os_type,
    }
  }
}
