import type { Queryable } from '../../db/database.ts'
import { selectValuesTold } from '../../db/tables/histories.ts'
import { deleteLabels, selectLabels } from '../../db/tables/labels.ts'
import { selectRowsByUuid } from '../../db/tables/many-rows.ts'
import type { BackupObjectRow, LabelRow, NewRow } from '../../db/tables/rows.ts'
import { labelsByResource, labelsOf, newLabel } from '../labels.ts'
import { canonicalId, prefixOf, uuidsIn } from '../rules/identifiers.ts'
import { DEFAULT_FILE_FORMAT, FILE_FORMAT_LABEL, MD5_LABEL, SHA256_LABEL, VIRTUAL_SIZE_LABEL } from '../rules/values.ts'
import type { StoredFile } from './stored-file.ts'

/** Labels computed from the bytes of an object. */
const COMPUTED: readonly string[] = [SHA256_LABEL, VIRTUAL_SIZE_LABEL, MD5_LABEL]
/** All labels derived from the bytes, including the detected file format. */
const DERIVED: readonly string[] = [...COMPUTED, FILE_FORMAT_LABEL]

type Corrected = Pick<BackupObjectRow, 'uuid' | 'checksum'>

/**
 * Returns the valid labels of an object, by name. A program that does not know about
 * labels may have changed the object's checksum since the labels were derived. Labels
 * derived from bytes with another MD5 than the row's are not valid (dcmgr.md, "What else
 * refers to backup objects"). Earlier releases did not store the MD5; for their labels,
 * the history shows whether the row ever had another one.
 *
 * @param rows labels of this object; labels of other things are ignored.
 */
export async function labelsThatCount(
  db: Queryable,
  rows: readonly LabelRow[],
  object: Corrected,
): Promise<Record<string, string>> {
  const [labels] = (await allLabelsThatCount(db, rows, [object])).values()
  return labels ?? {}
}

/** As `labelsThatCount`, for many objects. Returns the labels by canonical ID. */
export async function allLabelsThatCount(
  db: Queryable,
  rows: readonly LabelRow[],
  objects: readonly Corrected[],
): Promise<Map<string, Record<string, string>>> {
  const byObject = labelsByResource(rows)
  const labels = new Map<string, Record<string, string>>()
  for (const { uuid } of objects) {
    const id = canonicalId('backupObject', uuid)
    labels.set(id, labelsOf(byObject.get(id) ?? [], id))
  }
  for (const id of await staleOf(db, labels, objects)) {
    const counting = Object.entries(labels.get(id) ?? {}).filter(([name]) => !DERIVED.includes(name))
    labels.set(id, Object.fromEntries(counting))
  }
  return labels
}

/** Returns the canonical IDs of the objects whose derived labels are not valid. */
async function staleOf(
  db: Queryable,
  labels: ReadonlyMap<string, Readonly<Record<string, string>>>,
  objects: readonly Corrected[],
): Promise<Set<string>> {
  const stale = new Set<string>()
  const unnoted = new Map<string, Corrected>()
  for (const object of objects) {
    const id = canonicalId('backupObject', object.uuid)
    const own = labels.get(id) ?? {}
    if (!DERIVED.some((name) => name in own)) continue
    const noted = own[MD5_LABEL]
    if (noted === undefined) unnoted.set(id, object)
    else if (isOther(noted, object)) stale.add(id)
  }
  for (const { id, value } of await selectValuesTold(db, [...unnoted.keys()], 'checksum')) {
    // The collation ignores case.
    const object = unnoted.get(id)
    if (object !== undefined && isOther(value, object)) stale.add(id)
  }
  return stale
}

function isOther(md5: string, { checksum }: Corrected): boolean {
  return md5.toLowerCase() !== checksum?.toLowerCase()
}

/**
 * Removes labels that are not valid if only the history shows it. For an export, which
 * does not include the history.
 */
export async function withoutStaleLabels(db: Queryable, rows: readonly LabelRow[]): Promise<LabelRow[]> {
  const prefix = prefixOf('backupObject')
  const suspects = rows.filter((row) => DERIVED.includes(row.name) && row.resource_uuid.startsWith(prefix))
  const notedIn = (labels: readonly LabelRow[]) =>
    new Set(labels.filter((row) => row.name === MD5_LABEL).map((row) => row.resource_uuid))
  const here = notedIn(suspects)
  const ids = [...new Set(suspects.map((row) => row.resource_uuid))].filter((id) => !here.has(id))
  // The labels of a thing may be in several batches of rows.
  const labels = await selectLabels(db, ids)
  const noted = notedIn(labels)
  const unnoted = ids.filter((id) => !noted.has(id))
  const named = new Map([...labelsByResource(labels)].map(([id, own]) => [id, labelsOf(own, id)]))
  const stale = await staleOf(db, named, await selectRowsByUuid(db, 'backup_objects', uuidsIn('backupObject', unnoted)))
  return rows.filter((row) => !(DERIVED.includes(row.name) && stale.has(row.resource_uuid)))
}

/** Returns the labels of a new object, for the properties of its file that have no column. `id` is canonical. */
export function labelsOfFile(id: string, file: StoredFile, now: string): NewRow<LabelRow>[] {
  const { md5, sha256, virtualSize, fileFormat } = file
  const labels = [newLabel(id, MD5_LABEL, md5, now), newLabel(id, SHA256_LABEL, sha256, now)]
  if (fileFormat !== undefined && fileFormat !== DEFAULT_FILE_FORMAT)
    labels.push(newLabel(id, FILE_FORMAT_LABEL, fileFormat, now))
  if (virtualSize !== null) labels.push(newLabel(id, VIRTUAL_SIZE_LABEL, String(virtualSize), now))
  return labels
}

/**
 * Deletes the labels that were computed from the old bytes of objects. Keeps the detected
 * file format as a guess. Must run within a unit of work.
 *
 * @param ids canonical.
 */
export async function removeDerivedLabels(db: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  const computed = (await selectLabels(db, ids, { lock: 'update' })).filter(({ name }) => COMPUTED.includes(name))
  await deleteLabels(
    db,
    computed.map((label) => label.id),
  )
}
