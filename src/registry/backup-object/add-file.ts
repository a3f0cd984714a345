import { dirname } from 'node:path'
import * as z from 'zod/mini'
import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { requireColumns } from '../../db/schema/wakame-schema.ts'
import { sqlTime } from '../../db/sql/time.ts'
import { isBackupObjectUuidTaken } from '../../db/tables/backup-objects.ts'
import type { BackupStorageRow } from '../../db/tables/rows.ts'
import { inTransaction } from '../../db/transactions/unit-of-work.ts'
import { requireThere } from '../../disk/file/image-file.ts'
import { hashImageFile } from '../../disk/hash/checksums.ts'
import { requireOwner } from '../account/owner.ts'
import { keepStorage } from '../backup-storage/find.ts'
import { createLocalStorage, storagesOf } from '../backup-storage/find-by-file.ts'
import { localUri, objectKeyIn } from '../backup-storage/local-uri.ts'
import { acceptFile, storedFile, withImageFile } from '../image/register/accept-file.ts'
import { nameOfFile } from '../image/register/file-name.ts'
import type { Registry, Watcher } from '../registry.ts'
import { canonicalId, parseId, requireFreeUuid } from '../rules/identifiers.ts'
import { requireStorable } from '../rules/storable.ts'
import { name, orNull } from '../rules/texts.ts'
import { validate } from '../rules/validate.ts'
import { DEFAULT_SERVICE_TYPE, DEFAULT_STATE, SHARED_POOL } from '../rules/values.ts'
import { storageForNew } from './add.ts'
import { checkObjectAttributes, objectAttributes, progressOf } from './attributes.ts'
import { describeObject, type ObjectDetails } from './details.ts'
import { findObjectOf, freeUuid } from './find-by-file.ts'
import type { StoredFile } from './stored-file.ts'
import { contentsOf, newObjectRow, writeObject } from './write.ts'

const fileObjectRequest = z.object({
  path: z.string(),
  uuid: z.optional(z.string()),
  account_id: z.prefault(z.string(), SHARED_POOL),
  display_name: z.optional(objectAttributes.display_name),
  storage_id: z.optional(z.string()),
  object_key: z.optional(objectAttributes.object_key),
  state: z.prefault(objectAttributes.state, DEFAULT_STATE),
  description: orNull(objectAttributes.description),
  service_type: z.prefault(objectAttributes.service_type, DEFAULT_SERVICE_TYPE),
  progress: z.optional(objectAttributes.progress),
})

/** The input of `addFileObject`: a path, and the columns that cannot be read from the file. */
export type FileObjectRequest = z.input<typeof fileObjectRequest>
type ValidRequest = z.output<typeof fileObjectRequest>

/**
 * Adds the backup object of a file on this host. Its sizes, checksum and container
 * format are read from the file. With an object key, the file is a copy of the object
 * with that key. Without one, the file itself is the object: it must be in the given
 * storage, or a storage is created for its folder if there is none.
 *
 * @param watcher receives the progress of unpacking and hashing.
 * @throws VdcError FILE_REFUSED if the file cannot be registered; VALUE_REFUSED if the
 *   request is not valid; ACCOUNT_… if the owner cannot own new objects; ID_TAKEN if the
 *   ID is or was in use; OBJECT_CONFLICT if the file is already registered.
 */
export async function addFileObject(
  registry: Registry,
  request: FileObjectRequest,
  watcher: Watcher,
): Promise<ObjectDetails> {
  const valid = validate(fileObjectRequest, request)
  await checkObjectAttributes(registry, valid)
  const progress = progressOf(registry, valid.state, valid.progress) ?? 0
  return withImageFile(valid.path, async (file) => {
    const uri = valid.object_key === undefined ? localUri(file.path) : ''
    const displayName = valid.display_name ?? validate(name, nameOfFile(file.path), 'The name of the file')
    const subjects = { display_name: 'The name of the file' }
    await requireStorable(registry.database, 'backup_objects', { display_name: displayName }, subjects)
    // Find what the database would refuse before reading the file, which takes minutes.
    await requireColumns(registry.database, 'backup_objects')
    await requireWritable(registry, registry.database.knex, valid, uri)
    const image = await acceptFile(file, {}, watcher, registry.warn)
    const hashes = await hashImageFile(file, watcher)
    const stored = { ...storedFile(file, uri, image, hashes), fileFormat: image.fileFormat }
    const object = await inTransaction(registry.database, (trx) =>
      write(registry, trx, { ...valid, display_name: displayName, progress }, stored),
    )
    if (valid.object_key === undefined) await registry.noteImageFolder(dirname(file.path), { below: false })
    return object
  })
}

async function write(
  registry: Registry,
  db: Queryable,
  request: ValidRequest & { display_name: string; progress: number },
  file: StoredFile,
): Promise<ObjectDetails> {
  const now = sqlTime(new Date())
  const owner = parseId('account', request.account_id)
  const { uuid: given, storage: found } = await requireWritable(registry, db, request, file.uri)
  const storage = found ?? (await createLocalStorage(db, file.uri, now))
  await keepStorage(db, storage)
  // Until keepStorage returned, a purge may have removed the file as a leftover of a deleted object.
  if (file.opened !== undefined) await requireThere(file.opened)
  const objectKey = request.object_key ?? objectKeyIn(file.uri, storage.base_uri)
  const placed = { ...file, uri: storage.base_uri + objectKey }
  const existing = await findObjectOf(db, [storage], placed)
  if (existing !== undefined) {
    throw new VdcError('OBJECT_CONFLICT', `File ${file.path} is already registered as ${existing}`, {
      hint: `Show it with: vdc-manage backupobject show ${existing}`,
    })
  }
  const row = newObjectRow(storage, now, {
    ...contentsOf(placed),
    uuid: given ?? (await freeUuid(db, storage, objectKey)),
    account_id: canonicalId('account', owner),
    display_name: request.display_name,
    object_key: objectKey,
    state: request.state,
    description: request.description,
    service_type: request.service_type,
    progress: request.progress,
  })
  await writeObject(db, row, placed)
  return describeObject(db, row.uuid)
}

/**
 * Checks the owner, ID and storage of a new object.
 *
 * @param uri of the file if it is the object itself; otherwise empty.
 * @returns the requested UUID, or undefined if it is to be generated; and the storage, or
 *   undefined if it is to be created.
 */
async function requireWritable(registry: Registry, db: Queryable, request: ValidRequest, uri: string) {
  await requireOwner(db, parseId('account', request.account_id))
  const uuid = await requireFreeUuid('backupObject', request.uuid, (taken) => isBackupObjectUuidTaken(db, taken))
  return { uuid, storage: await storageOf(registry, db, request, uri) }
}

async function storageOf(
  registry: Registry,
  db: Queryable,
  request: ValidRequest,
  uri: string,
): Promise<BackupStorageRow | undefined> {
  if (request.object_key !== undefined) return storageForNew(registry, db, request.storage_id, request.service_type)
  const preferred = registry.serviceTypes?.get(request.service_type)?.storageId
  return (await storagesOf(db, uri, request.storage_id, preferred))[0]
}
