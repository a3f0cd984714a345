import type { Database, Queryable } from '../../../db/database.ts'
import { selectFirstFormatOf, selectFirstFormatsOf } from '../../../db/tables/images.ts'
import { selectLabels } from '../../../db/tables/labels.ts'
import { selectRowsByUuid } from '../../../db/tables/many-rows.ts'
import type { BackupObjectRow, ImageRow } from '../../../db/tables/rows.ts'
import type { ObjectDetails } from '../../backup-object/details.ts'
import { allLabelsThatCount, labelsThatCount } from '../../backup-object/labels.ts'
import { labelsOf } from '../../labels.ts'
import { canonicalId, uuidsIn } from '../../rules/identifiers.ts'
import { DEFAULT_CONTAINER_FORMAT, DEFAULT_FILE_FORMAT, FILE_FORMAT_LABEL } from '../../rules/values.ts'

type Stored = Pick<BackupObjectRow, 'uuid' | 'checksum' | 'container_format'>

/** The format of an object's bytes, and the source of this knowledge. */
interface ObjectFormat {
  /** The format's name in QEMU. */
  format: string
  /**
   * found: in the object's current bytes; firstFormat: by its first image; guessed: found in
   * bytes that the object no longer has; assumed: dcmgr's default.
   */
  by: 'found' | 'first image' | 'stale' | 'default'
}

/**
 * Returns the format of an object's bytes: the one found in them, else the format of the
 * first image of the object, else one found in earlier bytes, else dcmgr's default.
 */
export async function formatOfObject(db: Queryable, object: Stored): Promise<ObjectFormat> {
  const id = canonicalId('backupObject', object.uuid)
  const rows = await selectLabels(db, [id])
  const found = (await labelsThatCount(db, rows, object))[FILE_FORMAT_LABEL]
  if (found !== undefined) return { format: found, by: 'found' }
  const firstFormat = await selectFirstFormatOf(db, id)
  if (firstFormat !== undefined) return { format: firstFormat, by: 'first image' }
  const stale = labelsOf(rows, id)[FILE_FORMAT_LABEL]
  return stale === undefined ? { format: DEFAULT_FILE_FORMAT, by: 'default' } : { format: stale, by: 'stale' }
}

/** Returns the formats of many objects, as `formatOfObject` does, by canonical ID. */
export async function formatsOfObjects(
  database: Database,
  objects: readonly Pick<ObjectDetails, 'id' | 'labels'>[],
): Promise<Map<string, string>> {
  const formats = new Map<string, string>()
  const note = (id: string, format: string | undefined) => {
    if (format !== undefined) formats.set(id, format)
  }
  const unknown = () => objects.map(({ id }) => id).filter((id) => !formats.has(id))
  for (const { id, labels } of objects) note(id, labels[FILE_FORMAT_LABEL])
  for (const [id, format] of await selectFirstFormatsOf(database, unknown())) note(id, format)
  // The remaining labels are about bytes that the objects no longer have.
  const rows = await selectLabels(database.knex, unknown())
  for (const id of unknown()) note(id, labelsOf(rows, id)[FILE_FORMAT_LABEL] ?? DEFAULT_FILE_FORMAT)
  return formats
}

/**
 * Returns a warning if the format of an image is doubtful.
 *
 * @param known the format of the image's backup object.
 * @param given the requested format; undefined if the image gets the object's format.
 * @returns undefined if there is nothing to warn about.
 */
export function formatWarning(object: Stored, known: ObjectFormat, given: string | undefined): string | undefined {
  const id = canonicalId('backupObject', object.uuid)
  if (given !== undefined)
    return known.by === 'found' && given !== known.format
      ? `Backup object ${id} contains ${known.format}, not ${given}: the image may not boot`
      : undefined
  if (known.by !== 'stale') return undefined
  return `Backup object ${id} contained ${known.format} before its checksum was changed, and is assumed to contain it still; set another format with --file-format`
}

/** Returns the warnings about existing images whose format differs from that found in their object, by image uuid. */
export async function formatWarningsOf(
  db: Queryable,
  images: readonly Pick<ImageRow, 'uuid' | 'backup_object_id' | 'file_format'>[],
): Promise<Map<string, string>> {
  const ids = new Set(images.flatMap(({ backup_object_id: id }) => id ?? []))
  const objects = await selectRowsByUuid(db, 'backup_objects', uuidsIn('backupObject', ids))
  const byId = new Map(objects.map((object) => [canonicalId('backupObject', object.uuid), object]))
  const labels = await allLabelsThatCount(db, await selectLabels(db, [...byId.keys()]), objects)
  const warnings = new Map<string, string>()
  for (const { uuid, backup_object_id: id, file_format: given } of images) {
    const object = byId.get(id ?? '')
    const found = labels.get(id ?? '')?.[FILE_FORMAT_LABEL]
    // Only a format that was found in the bytes can contradict the given one.
    const warning = object && found && formatWarning(object, { format: found, by: 'found' }, given)
    if (warning) warnings.set(uuid, warning)
  }
  return warnings
}

/** Returns a warning if instances cannot boot from a volume made from an object; undefined if they can. */
export function volumeWarning(object: Stored, format: string): string | undefined {
  const packed = ['raw', DEFAULT_CONTAINER_FORMAT].includes(object.container_format) ? '' : object.container_format
  const what = [format === DEFAULT_FILE_FORMAT ? '' : format, packed && `packed as ${packed}`]
    .filter(Boolean)
    .join(', ')
  if (what === '') return undefined
  return `Backup object ${canonicalId('backupObject', object.uuid)} is not raw (${what}): a volume made from it would hold these bytes unchanged, and only raw volumes boot`
}
