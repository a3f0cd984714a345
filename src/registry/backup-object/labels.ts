import type { Queryable } from '../../db/database.ts'
import { selectValuesTold } from '../../db/tables/histories.ts'
import { deleteLabels, selectLabels } from '../../db/tables/labels.ts'
import { selectRowsByUuid } from '../../db/tables/many-rows.ts'
import type { BackupObjectRow, LabelRow, NewRow } from '../../db/tables/rows.ts'
import { labelsByResource, labelsOf, newLabel } from '../labels.ts'
import { canonicalId, prefixOf, uuidsIn } from '../rules/identifiers.ts'
import { DEFAULT_FILE_FORMAT, FILE_FORMAT_LABEL, MD5_LABEL, SHA256_LABEL, VIRTUAL_SIZE_LABEL } from '../rules/values.ts'
import type { StoredFile } from './stored-file.ts'

/** Labels with values that were computed from an object's bytes, and with their MD5. */
const COMPUTED: readonly string[] = [SHA256_LABEL, VIRTUAL_SIZE_LABEL, MD5_LABEL]
/** The same, and what was found in the bytes. */
const DERIVED: readonly string[] = [...COMPUTED, FILE_FORMAT_LABEL]

type Corrected = Pick<BackupObjectRow, 'uuid' | 'checksum'>

/**
 * The labels of an object that count, as names and values. The row may have been
 * corrected since they were derived, also by programs that know nothing of labels:
 * what was derived from bytes with another MD5 than the row's does not count
 * (dcmgr.md, "What else refers to backup objects"). Earlier releases noted no MD5:
 * of theirs the history tells whether the row ever had another one.
 *
 * @param rows labels, also those of other things.
 */
export async function labelsThatCount(
  db: Queryable,
  rows: readonly LabelRow[],
  object: Corrected,
): Promise<Record<string, string>> {
  const [labels] = (await allLabelsThatCount(db, rows, [object])).values()
  return labels ?? {}
}

/** As `labelsThatCount`, of many objects, by their canonical ids. */
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

/** The canonical ids of the objects whose derived labels do not count. */
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
 * Leaves out the labels that do not count and of which only the object's history tells so,
 * where that is left behind.
 */
export async function withoutUnprovable(db: Queryable, rows: readonly LabelRow[]): Promise<LabelRow[]> {
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

/** The labels of a new object, by its canonical id, for what its table has no column for. */
export function labelsOfFile(id: string, file: StoredFile, now: string): NewRow<LabelRow>[] {
  const { md5, sha256, virtualSize, fileFormat } = file
  const labels = [newLabel(id, MD5_LABEL, md5, now), newLabel(id, SHA256_LABEL, sha256, now)]
  if (fileFormat !== undefined && fileFormat !== DEFAULT_FILE_FORMAT)
    labels.push(newLabel(id, FILE_FORMAT_LABEL, fileFormat, now))
  if (virtualSize !== null) labels.push(newLabel(id, VIRTUAL_SIZE_LABEL, String(virtualSize), now))
  return labels
}

/** Removes, within a unit of work, the labels of objects, by their canonical ids, that were computed with other MD5s; formats that were found stay, as guesses. */
export async function removeDerivedLabels(db: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  const computed = (await selectLabels(db, ids, { lock: 'update' })).filter(({ name }) => COMPUTED.includes(name))
  await deleteLabels(
    db,
    computed.map((label) => label.id),
  )
}
