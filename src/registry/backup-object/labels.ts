import type { Queryable } from '../../db/database.ts'
import { deleteLabel, selectLabels } from '../../db/labels.ts'
import type { BackupObjectRow, LabelRow, NewRow } from '../../db/rows.ts'
import { canonicalId } from '../identifiers.ts'
import { labelsOf, newLabel } from '../labels.ts'
import { DEFAULT_FILE_FORMAT, FILE_FORMAT_LABEL, MD5_LABEL, SHA256_LABEL, VIRTUAL_SIZE_LABEL } from '../values.ts'
import type { StoredFile } from './write.ts'

/** Labels with values that were computed from an object's bytes, and with their MD5. */
const DERIVED: readonly string[] = [SHA256_LABEL, VIRTUAL_SIZE_LABEL, MD5_LABEL]

/**
 * The labels of an object that count, as names and values. The row may have been
 * corrected since they were computed, also by programs that know nothing of labels:
 * what was derived from bytes with another MD5 than the row's does not count
 * (dcmgr.md, "What else refers to backup objects"). Labels of releases that
 * noted no MD5 count.
 *
 * @param rows labels, also those of other things.
 */
export function labelsThatCount(
  rows: readonly LabelRow[],
  object: Pick<BackupObjectRow, 'uuid' | 'checksum'>,
): Record<string, string> {
  const labels = labelsOf(rows, canonicalId('backupObject', object.uuid))
  const md5 = labels[MD5_LABEL]
  if (md5 === undefined || md5 === object.checksum?.toLowerCase()) return labels
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !DERIVED.includes(name)))
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

/** Removes, within a unit of work, the labels of an object, by its canonical id, that were computed with another MD5. */
export async function removeDerivedLabels(db: Queryable, id: string): Promise<void> {
  for (const label of await selectLabels(db, [id], { lock: 'update' }))
    if (DERIVED.includes(label.name)) await deleteLabel(db, label.id)
}
