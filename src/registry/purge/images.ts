import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { isoTime, sqlTime } from '../../db/sql/time.ts'
import { findImage } from '../../db/tables/images.ts'
import { selectLabels } from '../../db/tables/labels.ts'
import {
  type DeletedSelection,
  holdDeletedImages,
  removeImages,
  selectDeletedImages,
  selectImagesOfInstances,
  selectParents,
} from '../../db/tables/purge.ts'
import type { ImageRow } from '../../db/tables/rows.ts'
import { byUnit, inTransaction } from '../../db/transactions/unit-of-work.ts'
import { recordChanges } from '../history/history.ts'
import { hasHistory, imageNotFound, isDeleted } from '../image/find.ts'
import { objectsInVolumes } from '../image/volumes.ts'
import type { Registry } from '../registry.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { PROTECTED_LABEL } from '../rules/values.ts'
import { deletedBefore, deletedSince } from './age.ts'
import { partsOf } from './batches.ts'
import type { Purged } from './outcome.ts'
import { Going } from './preview.ts'

/** The number of images purged in one transaction. */
const BATCH = 200

/** Why a purge keeps a deleted image. */
type Reason = 'protected' | 'parent' | 'instance'
const REASONS: Readonly<Record<Reason, string>> = {
  protected: 'is protected',
  parent: 'is the parent of an image that is not deleted',
  instance: 'was used by an instance for which the Ruby programs still show the image',
}

/** Finds the images that a purge would remove. Warns about deleted images that it would keep. */
export async function findGoingImages(registry: Registry, selection: DeletedSelection): Promise<Going> {
  const keepers = await keepersIn(registry)
  const kept = new Map<Reason, number>()
  const going = new Going()
  for await (const page of pages(registry, selection)) {
    const reasons = await reasonsToKeep(registry.database.knex, page, keepers)
    for (const image of page) {
      const reason = reasons.get(image.id)
      if (reason === undefined) await addImage(going, image)
      else kept.set(reason, (kept.get(reason) ?? 0) + 1)
    }
  }
  for (const [reason, number] of kept) {
    const images = number === 1 ? '1 deleted image is kept: it' : `${number} deleted images are kept: each`
    registry.warn(`${images} ${REASONS[reason]}`)
  }
  return going
}

async function addImage(going: Going, image: ImageRow): Promise<void> {
  going.add(idOf(image), image.display_name)
  for (const id of await objectIdsOf(image)) going.objectIds.add(id)
}

/** Returns the canonical IDs of the backup objects that an image boots from or has volumes made from. */
async function objectIdsOf(image: ImageRow): Promise<string[]> {
  const ids = [image.backup_object_id, ...(await objectsInVolumes(image.volumes))]
  return ids.filter((id) => id?.startsWith('bo-') === true) as string[]
}

/**
 * Removes the rows of images that were deleted long enough ago, in batches. Ends the
 * history of each with an entry for the purge, which keeps the ID taken (dcmgr.md,
 * "Deleting") even if the image had no history before.
 */
export async function* purgeRows(registry: Registry, selection: DeletedSelection): AsyncGenerator<Purged> {
  const keepers = await keepersIn(registry)
  for await (const page of pages(registry, selection)) {
    const gone = await inTransaction(byUnit(registry.database), (trx) =>
      purgePage(trx, page, keepers, selection.before),
    )
    for (const id of gone) yield { id, kind: 'image', path: null, bytes: null }
  }
}

async function purgePage(
  trx: Queryable,
  page: readonly ImageRow[],
  keepers: Keepers,
  before: string,
): Promise<string[]> {
  const ids = page.map((image) => image.id)
  const images = await deletedBefore(trx, 'image', await holdDeletedImages(trx, ids, before), before)
  const kept = await reasonsToKeep(trx, images, keepers)
  const gone = new Map(images.filter((image) => !kept.has(image.id)).map((image) => [image.id, idOf(image)]))
  const now = sqlTime(new Date())
  if (gone.size > 0) await removeImages(trx, gone)
  for (const id of gone.values()) await recordChanges(trx, id, { purged_at: now }, now)
  return [...gone.values()]
}

/** The images that other rows refer to. The sets cannot grow, because nothing can start to refer to a deleted image. */
interface Keepers {
  /** Canonical IDs of images that are parents. */
  parents: ReadonlySet<string>
  /** Integer IDs of images that instances use. */
  instances: ReadonlySet<number>
}

async function keepersIn({ database }: Registry): Promise<Keepers> {
  return {
    parents: new Set(await selectParents(database.knex)),
    instances: new Set(await selectImagesOfInstances(database)),
  }
}

/** Returns, by integer ID, the reasons to keep some of the deleted images. */
async function reasonsToKeep(
  db: Queryable,
  images: readonly ImageRow[],
  { parents, instances }: Keepers,
): Promise<Map<number, Reason>> {
  const kept = new Map<number, Reason>()
  if (images.length === 0) return kept
  const ids = images.map(idOf)
  const labels = await selectLabels(db, ids)
  const protectedIds = new Set(
    labels.filter(({ name }) => name === PROTECTED_LABEL).map((label) => label.resource_uuid),
  )
  for (const image of images) {
    if (protectedIds.has(idOf(image))) kept.set(image.id, 'protected')
    else if (instances.has(image.id)) kept.set(image.id, 'instance')
    else if (parents.has(idOf(image))) kept.set(image.id, 'parent')
  }
  return kept
}

/**
 * Checks that the given images can be purged. Warns about images that are already purged.
 *
 * @param uuids without prefix.
 * @param before time as stored in the tables; the images must have been deleted before it.
 * @returns the uuids of the images that still exist.
 * @throws VdcError IMAGE_NOT_FOUND if an image never existed; IMAGE_NOT_DELETED if it is not
 *   deleted or not for long enough; IMAGE_PROTECTED if it is protected; IN_USE if another
 *   image or an instance refers to it.
 */
export async function requirePurgeable(
  registry: Registry,
  uuids: readonly string[],
  before: string,
): Promise<string[]> {
  const { knex } = registry.database
  const keepers = await keepersIn(registry)
  const there: string[] = []
  for (const uuid of uuids) {
    const id = canonicalId('image', uuid)
    const image = await findImage(knex, uuid)
    if (image === undefined) {
      if (!(await hasHistory(knex, id))) throw await imageNotFound(knex, uuid)
      registry.warn(`${id} is already purged`)
      continue
    }
    await requireDeletedBefore(knex, image, before)
    const reason = (await reasonsToKeep(knex, [image], keepers)).get(image.id)
    if (reason !== undefined) {
      throw new VdcError(
        reason === 'protected' ? 'IMAGE_PROTECTED' : 'IN_USE',
        `Image ${id} cannot be purged: it ${REASONS[reason]}`,
        {
          hint: reason === 'protected' ? `End the protection with: vdc-manage image unprotect ${id}` : undefined,
        },
      )
    }
    there.push(uuid)
  }
  return there
}

async function requireDeletedBefore(db: Queryable, image: ImageRow, before: string): Promise<void> {
  const id = idOf(image)
  if (!isDeleted(image)) {
    throw new VdcError('IMAGE_NOT_DELETED', `Image ${id} is not deleted`, {
      hint: `Delete it first with: vdc-manage image del ${id}`,
    })
  }
  const since = (await deletedSince(db, 'image', [image])).get(image.id) as string
  if (since < before) return
  const event = since === (image.deleted_at ?? image.updated_at) ? 'deleted' : 'imported'
  throw new VdcError(
    'IMAGE_NOT_DELETED',
    `Image ${id} was ${event} at ${isoTime(since)}, which is not before ${isoTime(before)}`,
    {
      hint: 'Set the required age with --older-than; 0d accepts any age',
    },
  )
}

/** Returns which of the images, given by uuid, a purge of the selection would remove. */
export async function purgeableImages(
  registry: Registry,
  { before, uuids: chosen }: DeletedSelection,
  uuids: readonly string[],
): Promise<Set<string>> {
  const keepers = await keepersIn(registry)
  const among = chosen && new Set(chosen)
  const wanted = { before, uuids: uuids.filter((uuid) => among?.has(uuid) ?? true) }
  const going = new Set<string>()
  for await (const images of pages(registry, wanted)) {
    const kept = await reasonsToKeep(registry.database.knex, images, keepers)
    for (const image of images) if (!kept.has(image.id)) going.add(image.uuid)
  }
  return going
}

/** Returns the uuids of the backup objects that images boot from or have volumes made from. */
export async function objectsOf(registry: Registry, uuids: readonly string[]): Promise<string[]> {
  const objects = new Set<string>()
  for (const uuid of uuids) {
    const image = await findImage(registry.database.knex, uuid)
    if (image === undefined) continue
    for (const id of await objectIdsOf(image)) objects.add(id.slice('bo-'.length))
  }
  return [...objects]
}

async function* pages(registry: Registry, selection: DeletedSelection): AsyncGenerator<ImageRow[]> {
  for (const part of partsOf(selection)) {
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: ImageRow[] = await selectDeletedImages(registry.database.knex, part, after, BATCH)
      const old = await deletedBefore(registry.database.knex, 'image', page, selection.before)
      if (old.length > 0) yield old
      after = page.at(-1)?.id
    }
  }
}

function idOf(image: ImageRow): string {
  return canonicalId('image', image.uuid)
}
