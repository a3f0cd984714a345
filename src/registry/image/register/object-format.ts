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

/** QEMU's name of what the bytes of an object hold, and how that is known. */
interface ObjectFormat {
  format: string
  /** found: in these very bytes; told: by its first image; guessed: found in bytes that it no longer has; assumed: nobody said anything. */
  by: 'found' | 'told' | 'guessed' | 'assumed'
}

/** The format of an object's bytes: as it was found, else as its first image says, else dcmgr's default. */
export async function formatOfObject(db: Queryable, object: Stored): Promise<ObjectFormat> {
  const id = canonicalId('backupObject', object.uuid)
  const rows = await selectLabels(db, [id])
  const found = (await labelsThatCount(db, rows, object))[FILE_FORMAT_LABEL]
  if (found !== undefined) return { format: found, by: 'found' }
  const told = await selectFirstFormatOf(db, id)
  if (told !== undefined) return { format: told, by: 'told' }
  const stale = labelsOf(rows, id)[FILE_FORMAT_LABEL]
  return stale === undefined ? { format: DEFAULT_FILE_FORMAT, by: 'assumed' } : { format: stale, by: 'guessed' }
}

/** As `formatOfObject`, of many objects, by their canonical ids. */
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
  // Found in bytes that it no longer has, it is a guess.
  const rows = await selectLabels(database.knex, unknown())
  for (const id of unknown()) note(id, labelsOf(rows, id)[FILE_FORMAT_LABEL] ?? DEFAULT_FILE_FORMAT)
  return formats
}

/**
 * What an operator should know of the format that an image of an object gets.
 *
 * @param given the format that was asked for; undefined where it is the object's.
 * @returns undefined where there is nothing to tell.
 */
export function formatWarning(object: Stored, known: ObjectFormat, given: string | undefined): string | undefined {
  const id = canonicalId('backupObject', object.uuid)
  if (given !== undefined)
    return known.by === 'found' && given !== known.format
      ? `The backup object ${id} holds ${known.format}, not ${given}: the image may not boot`
      : undefined
  if (known.by !== 'guessed') return undefined
  return `The bytes of ${id} were ${known.format} before they were corrected, and are assumed to be that still; set another format with --file-format`
}

/** As `formatWarning`, of images that have their objects and formats already; only of those of which there is something to tell, by their uuids. */
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

/** Why instances could not boot from a volume that is made of an object; undefined where they can. */
export function volumeWarning(object: Stored, format: string): string | undefined {
  const packed = ['raw', DEFAULT_CONTAINER_FORMAT].includes(object.container_format) ? '' : object.container_format
  const what = [format === DEFAULT_FILE_FORMAT ? '' : format, packed && `packed as ${packed}`]
    .filter(Boolean)
    .join(', ')
  if (what === '') return undefined
  return `The backup object ${canonicalId('backupObject', object.uuid)} is not raw (${what}): a volume made from it would hold these bytes unchanged, and only raw volumes boot`
}
