import type { Queryable } from '../../db/database.ts'
import { requireColumns } from '../../db/schema/wakame-schema.ts'
import { sqlTime } from '../../db/sql/time.ts'
import { insertImage, insertImageIfFree, isImageUuidTaken } from '../../db/tables/images.ts'
import { IMAGE_COLUMNS } from '../../db/tables/rows.ts'
import { requireOwner } from '../account/owner.ts'
import { recordCreation } from '../history/history.ts'
import type { Registry } from '../registry.ts'
import { canonicalId, parseId, requireFreeUuid } from '../rules/identifiers.ts'
import { EMPTY_YAML_LIST, EMPTY_YAML_MAP } from '../rules/values.ts'
import { warnOfUnlisted } from './access.ts'
import type { NewImage } from './attributes.ts'
import { requireParent } from './parent.ts'

/** The backup object that an image boots from, and how. */
export interface BootSource {
  /** Value of `images.boot_dev_type`. */
  bootDevType: number
  /** The format's name in QEMU. */
  fileFormat: string
  /** The display name if the operator gives none. */
  displayName: string
  /** Canonical ID. */
  backupObjectId: string
}

/**
 * Refuses an owner, a parent or an ID that `writeImage` would refuse, before any work is done.
 *
 * @throws VdcError VALUE_REFUSED, ACCOUNT_…, ID_TAKEN.
 */
export async function requireWritable(db: Queryable, request: Omit<NewImage, 'arch'>): Promise<void> {
  // With --create-account, the unit of work itself creates the account.
  const create = request.create_account ? 'later' : false
  await requireOwner(db, parseId('account', request.account_id), { create })
  await requireParent(db, request.parent_image_id)
  await requireFreeUuid('image', request.uuid, (taken) => isImageUuidTaken(db, taken))
}

/**
 * Writes a new image and its history within a unit of work.
 *
 * @param findSource finds or creates the boot source in the same unit of work; takes the
 *   owner's canonical ID and the current time as stored in the tables.
 * @returns the image's uuid, without prefix.
 * @throws VdcError VALUE_REFUSED, ACCOUNT_…, ID_TAKEN, and the errors of `findSource`.
 */
export async function writeImage(
  registry: Registry,
  db: Queryable,
  request: NewImage,
  findSource: (ownerId: string, now: string) => Promise<BootSource>,
): Promise<string> {
  // If every statement is committed on its own, a later failure would roll back nothing.
  if (registry.database.commits === 'statement') await requireColumns(registry.database, 'images')
  const now = sqlTime(new Date())
  const owner = parseId('account', request.account_id)
  const ownerId = canonicalId('account', owner)
  await requireOwner(db, owner, { create: request.create_account })
  const parentId = await requireParent(db, request.parent_image_id)
  const given = await requireFreeUuid('image', request.uuid, (taken) => isImageUuidTaken(db, taken))
  const source = await findSource(ownerId, now)
  const row = {
    account_id: ownerId,
    uuid: given ?? registry.generateUuid(),
    created_at: now,
    updated_at: now,
    boot_dev_type: source.bootDevType,
    arch: request.arch,
    description: request.description,
    is_public: Number(request.is_public),
    state: request.state,
    features: EMPTY_YAML_MAP,
    file_format: source.fileFormat,
    root_device: request.root_device,
    is_cacheable: Number(request.is_cacheable),
    instance_model_name: request.instance_model_name,
    parent_image_id: parentId,
    service_type: request.service_type,
    display_name: request.display_name ?? source.displayName,
    backup_object_id: source.backupObjectId,
    deleted_at: null,
    volumes: EMPTY_YAML_LIST,
    vifs: EMPTY_YAML_LIST,
    os_type: request.os_type,
  }
  if (given !== undefined) await insertImage(db, row)
  // A generated uuid may belong to a purged image, which no index contains.
  else while (!(await insertImageIfFree(db, row))) row.uuid = registry.generateUuid()
  await recordCreation(db, canonicalId('image', row.uuid), IMAGE_COLUMNS, row, now)
  await warnOfUnlisted(db, [{ registry, image: row }])
  return row.uuid
}
