import type * as z from 'zod/mini'
import { findImage } from '../../db/images.ts'
import { VdcError } from '../../errors.ts'
import { describeObject, type ObjectDetails } from '../backup-object/details.ts'
import { parseId } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import type { verification } from '../results/file.ts'
import { DEFAULT_FILE_FORMAT, VIRTUAL_SIZE_LABEL } from '../values.ts'
import { type ImageDetails, showImage } from './details.ts'
import { formatOfObject } from './object-format.ts'
import { objectsInReadVolumes, objectsInVolumes } from './volumes.ts'

/** The outcome of the check of one image. */
export type Verification = z.output<typeof verification>

/** A file that images are registered to have, and these images. */
export interface RegisteredFile {
  path: string
  allocationSize: number
  /** Bytes when it is unpacked. */
  size: number
  containerFormat: string
  /** Hex, or empty where none is known. */
  md5: string
  sha256: string | null
  /** As it was found when it was registered; undefined where nobody looked. */
  virtualSize: number | undefined
  images: { id: string; fileFormat: string }[]
}

/** The files of an image: what it boots from, then its volumes. Of a file that cannot be compared, why. */
export interface RegisteredFiles {
  /** Canonical id of the image. */
  id: string
  /** Never empty. */
  files: (RegisteredFile | Verification)[]
  /** Canonical ids of the objects that the volumes are made of, by the paths of their files. */
  volumes: ReadonlyMap<string, string>
}

/**
 * Finds the files that an image is registered to have.
 *
 * @param isOnly it is the only image that is asked for, so that it must exist.
 * @param isNamed it was named, so that not to check it is a failure.
 * @throws VdcError IMAGE_NOT_FOUND, VALUE_REFUSED with `isOnly`.
 */
export async function registeredFiles(
  registry: Registry,
  id: string,
  isOnly: boolean,
  isNamed: boolean,
): Promise<RegisteredFiles> {
  const image = await showImage(registry, id).catch((error: unknown) => {
    if (isOnly || !(error instanceof VdcError) || !['IMAGE_NOT_FOUND', 'VALUE_REFUSED'].includes(error.code))
      throw error
    return error
  })
  const volumes = new Map<string, string>()
  if (image instanceof VdcError) return { id, files: [notChecked(id, image.message, true)], volumes }
  if (image.state === 'deleted')
    return { id: image.id, files: [notChecked(image.id, 'it is deleted', isNamed)], volumes }
  const { backup_object: boot, backup_object_id: bootId } = image
  const files = [fileOf(image.id, boot, bootId ?? '', image.file_format, isNamed)]
  for (const objectId of await volumesOf(registry, image)) {
    if (objectId === bootId) continue
    const object = await objectOf(registry, objectId)
    const format = object === null ? DEFAULT_FILE_FORMAT : await formatOf(registry, object)
    const file = fileOf(image.id, object, objectId, format, isNamed)
    if ('images' in file) volumes.set(file.path, objectId)
    files.push(file)
  }
  return { id: image.id, files, volumes }
}

function fileOf(
  imageId: string,
  object: ObjectDetails | null,
  objectId: string,
  fileFormat: string,
  isNamed: boolean,
): RegisteredFile | Verification {
  const differs = (why: string): Verification => ({ id: imageId, result: 'differs', path: null, differences: [why] })
  if (object === null) return differs(`its backup object ${objectId} is not registered`)
  if (object.state === 'deleted' || object.state === 'purged')
    return differs(`its backup object ${object.id} is ${object.state}`)
  if (object.uri === null) return differs(`the storage of its backup object ${object.id} is not registered`)
  if (object.state !== 'available')
    return notChecked(imageId, `its backup object ${object.id} is ${object.state}`, isNamed)
  if (!object.uri.startsWith('file:///'))
    return notChecked(imageId, `its file is not on this host: ${object.uri}`, isNamed)
  return {
    path: object.uri.slice('file://'.length),
    allocationSize: Number(object.allocation_size),
    size: Number(object.size),
    containerFormat: object.container_format,
    md5: object.checksum.toLowerCase(),
    sha256: object.sha256,
    virtualSize: sizeIn(object.labels[VIRTUAL_SIZE_LABEL]),
    images: [{ id: imageId, fileFormat }],
  }
}

function notChecked(id: string, why: string, failed: boolean): Verification {
  return { id, result: 'not_checked', path: null, differences: [why], ...(failed && { failed }) }
}

/** The objects that an image's volumes are made of; YAML that cannot be read has no value. */
async function volumesOf({ database }: Registry, { id, volumes }: ImageDetails): Promise<string[]> {
  if (volumes !== null) return objectsInReadVolumes(volumes)
  return objectsInVolumes((await findImage(database.knex, parseId('image', id)))?.volumes ?? null)
}

async function objectOf({ database }: Registry, id: string): Promise<ObjectDetails | null> {
  return describeObject(database.knex, parseId('backupObject', id)).catch((error: VdcError) => {
    if (error.code !== 'OBJECT_NOT_FOUND') throw error
    return null
  })
}

async function formatOf({ database }: Registry, object: ObjectDetails): Promise<string> {
  return (await formatOfObject(database.knex, { ...object, uuid: parseId('backupObject', object.id) })).format
}

function sizeIn(label: string | undefined): number | undefined {
  return label !== undefined && /^[0-9]{1,16}$/.test(label) ? Number(label) : undefined
}
