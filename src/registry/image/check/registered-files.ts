import type * as z from 'zod/mini'
import type { VdcError } from '../../../core/errors.ts'
import { selectRowsByUuid } from '../../../db/tables/many-rows.ts'
import { describeObjectsThere, type ObjectDetails } from '../../backup-object/details.ts'
import type { Registry } from '../../registry.ts'
import type { verification } from '../../results/file.ts'
import { canonicalId, parseId } from '../../rules/identifiers.ts'
import { DEFAULT_FILE_FORMAT, VIRTUAL_SIZE_LABEL } from '../../rules/values.ts'
import { type ImageDetails, showImages } from '../details.ts'
import { formatsOfObjects } from '../register/object-format.ts'
import { objectsInReadVolumes, objectsInVolumes } from '../volumes.ts'

/** The result of checking one image. */
export type Verification = z.output<typeof verification>

/** The registered properties of a file, and the images that use it. */
export interface RegisteredFile {
  path: string
  /** File size in bytes. */
  allocationSize: number
  /** Unpacked size in bytes. */
  size: number
  containerFormat: string
  /** Hexadecimal; empty if unknown. */
  md5: string
  sha256: string | null
  /** The virtual size in bytes measured at the registration; undefined if it was not measured. */
  virtualSize: number | undefined
  images: { id: string; fileFormat: string }[]
}

/** The files of an image: the one that it boots from, then those of its volumes. */
export interface RegisteredFiles {
  /** Canonical ID of the image. */
  id: string
  /** Never empty. A file that cannot be compared has a result instead. */
  files: (RegisteredFile | Verification)[]
  /** Canonical IDs of the backup objects that the volumes are made from, by the paths of their files. */
  volumes: ReadonlyMap<string, string>
}

/** The number of images whose files are looked up together. */
const IMAGES = 200
/** The number of volumes' backup objects looked up together; an image may have hundreds. */
const OBJECTS = 2000

/**
 * Finds the registered files of images, in the order of the IDs.
 *
 * @param isNamed the user named the images, so an image that cannot be checked is a failure.
 * @throws VdcError IMAGE_NOT_FOUND or VALUE_REFUSED if there is a single ID.
 */
export async function* registeredFiles(
  registry: Registry,
  ids: readonly string[],
  isNamed: boolean,
): AsyncGenerator<RegisteredFiles> {
  for (let start = 0; start < ids.length; start += IMAGES) {
    const images = await imagesOf(registry, ids.slice(start, start + IMAGES), ids.length === 1)
    const alive = images.filter((image): image is ImageDetails => !('error' in image) && image.state !== 'deleted')
    const volumes = await volumesOf(registry, alive)
    const objects = await objectsOf(registry, new Set([...volumes.values()].flat()))
    for (const image of images) {
      if ('error' in image) yield notCompared(image.id, image.error.message, true)
      else if (image.state === 'deleted') yield notCompared(image.id, 'it is deleted', isNamed)
      else yield filesOf(image, volumes.get(image.id) ?? [], objects, isNamed)
    }
  }
}

/** Reads images. If the ID is not the only one, an invalid or unknown ID is returned with its error. */
async function imagesOf(
  registry: Registry,
  ids: readonly string[],
  isOnly: boolean,
): Promise<(ImageDetails | { id: string; error: VdcError })[]> {
  const images: (ImageDetails | { id: string; error: VdcError })[] = []
  for await (const outcome of showImages(registry, ids)) {
    if ('result' in outcome) images.push(outcome.result)
    else if (!isOnly && ['IMAGE_NOT_FOUND', 'NAME_AMBIGUOUS', 'VALUE_REFUSED'].includes(outcome.error.code))
      images.push(outcome)
    else throw outcome.error
  }
  return images
}

/** A backup object that a volume is made from, and its format. */
interface VolumeObject {
  object: ObjectDetails
  format: string
}

function filesOf(
  { id, backup_object: boot, backup_object_id: bootId, file_format: format }: ImageDetails,
  objectIds: readonly string[],
  objects: ReadonlyMap<string, VolumeObject>,
  isNamed: boolean,
): RegisteredFiles {
  const volumes = new Map<string, string>()
  const files = [fileOf(id, boot, bootId ?? '', format, isNamed)]
  for (const objectId of objectIds) {
    if (objectId === bootId) continue
    const found = objects.get(objectId)
    const file = fileOf(id, found?.object ?? null, objectId, found?.format ?? DEFAULT_FILE_FORMAT, isNamed)
    if ('images' in file) volumes.set(file.path, objectId)
    files.push(file)
  }
  return { id, files, volumes }
}

function notCompared(id: string, why: string, failed: boolean): RegisteredFiles {
  return { id, files: [notChecked(id, why, failed)], volumes: new Map() }
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

/** Returns the backup objects that the volumes of images are made from, by image ID. */
async function volumesOf({ database }: Registry, images: readonly ImageDetails[]): Promise<Map<string, string[]>> {
  // Volumes that are not readable YAML are null.
  const unread = images.filter(({ volumes }) => volumes === null).map(({ id }) => parseId('image', id))
  const rows = await selectRowsByUuid(database.knex, 'images', unread)
  const texts = new Map(rows.map(({ uuid, volumes }) => [canonicalId('image', uuid), volumes]))
  const volumesById = new Map<string, string[]>()
  for (const { id, volumes } of images) {
    const objects = volumes === null ? await objectsInVolumes(texts.get(id) ?? null) : objectsInReadVolumes(volumes)
    if (objects.length > 0) volumesById.set(id, objects)
  }
  return volumesById
}

/** Returns the registered objects among the given ones, by canonical ID. */
async function objectsOf({ database }: Registry, ids: ReadonlySet<string>): Promise<Map<string, VolumeObject>> {
  const objects = new Map<string, VolumeObject>()
  const all = [...ids]
  for (let start = 0; start < all.length; start += OBJECTS) {
    const details = await describeObjectsThere(database.knex, all.slice(start, start + OBJECTS))
    const formats = await formatsOfObjects(database, details)
    for (const object of details)
      objects.set(object.id, { object, format: formats.get(object.id) ?? DEFAULT_FILE_FORMAT })
  }
  return objects
}

function sizeIn(label: string | undefined): number | undefined {
  return label !== undefined && /^[0-9]{1,16}$/.test(label) ? Number(label) : undefined
}
