import * as z from 'zod/mini'
import type { Queryable } from '../db/database.ts'
import { findImage, insertImage, isImageUuidTaken } from '../db/images.ts'
import { IMAGE_COLUMNS } from '../db/rows.ts'
import { sqlTime } from '../db/time.ts'
import { inTransaction } from '../db/unit-of-work.ts'
import { hashImageFile } from '../disk/checksums.ts'
import { closeImageFile, openImageFile } from '../disk/image-file.ts'
import { inspectImage } from '../disk/inspect-image.ts'
import { VdcError } from '../errors.ts'
import { requireOwner } from './accounts.ts'
import { createObject, findObjectOf, type StoredFile } from './backup-objects.ts'
import { createLocalStorage, storagesOf } from './backup-storages.ts'
import { nameOfFile } from './file-name.ts'
import { recordCreation } from './history.ts'
import { canonicalId, parseId } from './identifiers.ts'
import { describeImage, type ImageDetails } from './image-details.ts'
import { folderUri, localUri } from './local-uri.ts'
import type { Registry } from './registry.ts'
import { requireStorable } from './storable.ts'
import { line, name, oneOf, orNull, text } from './texts.ts'
import { validate } from './validate.ts'
import {
  ARCHES,
  BOOT_FROM_LOCAL,
  DEFAULT_ARCH,
  DEFAULT_OS_TYPE,
  DEFAULT_SERVICE_TYPE,
  DEFAULT_STATE,
  EMPTY_YAML_LIST,
  EMPTY_YAML_MAP,
  FILE_FORMATS,
  NEW_IMAGE_STATES,
  OS_TYPES,
} from './values.ts'

const localImageRequest = z.object({
  path: z.string(),
  account_id: z.string(),
  create_account: z.prefault(z.boolean(), false),
  uuid: z.optional(z.string()),
  arch: z.prefault(oneOf(ARCHES), DEFAULT_ARCH),
  description: orNull(text),
  display_name: z.optional(name),
  file_format: z.optional(oneOf(FILE_FORMATS)),
  is_public: z.prefault(z.boolean(), false),
  is_cacheable: z.prefault(z.boolean(), false),
  state: z.prefault(oneOf(NEW_IMAGE_STATES), DEFAULT_STATE),
  root_device: orNull(line),
  service_type: z.prefault(name, DEFAULT_SERVICE_TYPE),
  os_type: z.prefault(oneOf(OS_TYPES), DEFAULT_OS_TYPE),
  instance_model_name: z.prefault(line, ''),
  parent_image_id: orNull(z.string()),
  storage_id: z.optional(z.string()),
})

/** What `registerLocalImage` takes: the columns of an image as an operator gives them, ids with or without prefix. */
export type LocalImageRequest = z.input<typeof localImageRequest>
type ValidRequest = z.output<typeof localImageRequest>

/**
 * Registers a disk image that lies on this host: looks at the file, hashes it,
 * and writes image, backup object, storage, labels and history in one
 * transaction (dcmgr.md).
 *
 * @returns the image as it is stored, after the commit.
 * @throws VdcError for whatever is refused, not there or in conflict; then nothing was written.
 */
export async function registerLocalImage(registry: Registry, request: LocalImageRequest): Promise<ImageDetails> {
  const valid = validate(localImageRequest, request)
  const file = await openImageFile(valid.path)
  try {
    const uri = localUri(file.path)
    folderUri(uri)
    const image = await inspectImage(file, valid.file_format)
    await refuseEarly(registry, valid, uri)
    const hashes = await hashImageFile(file)
    const stored = { path: file.path, uri, size: file.size, virtualSize: image.virtualSize, ...hashes }
    return await inTransaction(registry.database, (trx) => writeImage(registry, trx, valid, image.format, stored))
  } finally {
    await closeImageFile(file)
  }
}

/** Finds what the database will refuse before the file is hashed, which takes minutes. */
async function refuseEarly(registry: Registry, request: ValidRequest, uri: string): Promise<void> {
  const { knex } = registry.database
  const { account_id, create_account, description, display_name, root_device, service_type, instance_model_name } =
    request
  await requireStorable(registry.database, 'images', {
    description,
    display_name,
    root_device,
    service_type,
    instance_model_name,
  })
  const owner = parseId('account', account_id)
  // With --create-account the account is only made in the unit of work itself.
  if (!create_account) await requireOwner(knex, owner, { create: false })
  await storagesOf(knex, uri, request.storage_id)
  await requireParent(knex, request.parent_image_id)
  await requireFreeUuid(knex, request.uuid)
}

async function writeImage(
  registry: Registry,
  db: Queryable,
  request: ValidRequest,
  format: string,
  file: StoredFile,
): Promise<ImageDetails> {
  const now = sqlTime(new Date())
  const owner = parseId('account', request.account_id)
  const ownerId = canonicalId('account', owner)
  await requireOwner(db, owner, { create: request.create_account })
  const storages = await storagesOf(db, file.uri, request.storage_id)
  const parentId = await requireParent(db, request.parent_image_id)
  const uuid = (await requireFreeUuid(db, request.uuid)) ?? registry.generateUuid()

  const fileName = nameOfFile(file.path)
  const objectId =
    (await findObjectOf(db, storages, file)) ??
    (await createObject(
      db,
      storages[0] ?? (await createLocalStorage(db, file.uri, now)),
      file,
      { ownerId, displayName: fileName, serviceType: request.service_type },
      now,
    ))
  const row = {
    account_id: ownerId,
    uuid,
    created_at: now,
    updated_at: now,
    boot_dev_type: BOOT_FROM_LOCAL,
    arch: request.arch,
    description: request.description,
    is_public: Number(request.is_public),
    state: request.state,
    features: EMPTY_YAML_MAP,
    file_format: format,
    root_device: request.root_device,
    is_cacheable: Number(request.is_cacheable),
    instance_model_name: request.instance_model_name,
    parent_image_id: parentId,
    service_type: request.service_type,
    display_name: request.display_name ?? fileName,
    backup_object_id: objectId,
    deleted_at: null,
    volumes: EMPTY_YAML_LIST,
    vifs: EMPTY_YAML_LIST,
    os_type: request.os_type,
  }
  await insertImage(db, row)
  await recordCreation(db, canonicalId('image', uuid), IMAGE_COLUMNS, row, now)
  return describeImage(db, uuid)
}

/** @returns the parent's canonical id; null without one. */
async function requireParent(db: Queryable, parentId: string | null): Promise<string | null> {
  if (parentId === null) return null
  const uuid = parseId('image', parentId)
  const id = canonicalId('image', uuid)
  const parent = await findImage(db, uuid)
  if (parent === undefined || parent.deleted_at !== null) {
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

/** @returns the uuid that was asked for, if one was. */
async function requireFreeUuid(db: Queryable, given: string | undefined): Promise<string | undefined> {
  if (given === undefined) return undefined
  const uuid = parseId('image', given)
  if (await isImageUuidTaken(db, uuid)) {
    throw new VdcError('ID_TAKEN', `The image id ${canonicalId('image', uuid)} is taken`, {
      hint: 'An id stays taken for ever, also when its image was deleted; leave --uuid out to get a new one',
    })
  }
  return uuid
}
