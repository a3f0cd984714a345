import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { isoTime, sqlTime } from '../../db/sql/time.ts'
import { selectStoragesByKey } from '../../db/tables/backup-storages.ts'
import { selectPurgesAfter, selectStatesBeforeDeletion } from '../../db/tables/histories.ts'
import { selectRowsAfter, selectRowsByUuid } from '../../db/tables/many-rows.ts'
import type { BackupObjectRow, HistoryRow, ImageRow, LabelRow } from '../../db/tables/rows.ts'
import { inSnapshot } from '../../db/transactions/snapshot.ts'
import { withoutUnprovable } from '../backup-object/labels.ts'
import { isDeleted, stateBefore } from '../image/find.ts'
import type { Registry } from '../registry.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { CLAIM_LABEL } from '../rules/values.ts'
import {
  forTypes,
  isLabelled,
  type RecordType,
  type RegistryRecord,
  type RowType,
  STATE_BEFORE,
  TABLE_OF,
  TYPES,
  VERSION,
} from './records.ts'
import { recordOf, uuidOf } from './rows.ts'

/** Rows that are read at once. */
const PAGE = 500

/** How many lines of each type there are. */
export type Counts = Record<RecordType, number>

/**
 * Writes the whole registry as lines of JSON (`records.ts`): accounts, storages,
 * objects, images and labels, deleted ones too, as they are at one moment. Of the
 * history there is only which images were purged, as their ids stay taken, and what
 * state deleted ones had, for when they are undeleted. Memory
 * does not grow with the number of rows.
 *
 * @param write takes some lines, each with its end; what it throws ends the export.
 * @throws VdcError USAGE where all is to be committed together, as that is not one moment.
 */
export async function exportRegistry(registry: Registry, write: (lines: string) => Promise<void>): Promise<Counts> {
  if (registry.database.commits === 'outer') {
    throw new VdcError('USAGE', 'An export cannot be a part of --tx bulk', {
      hint: 'Run it by itself: vdc-manage registry export',
    })
  }
  return inSnapshot(registry.database, async (db) => {
    const counts: Counts = forTypes(() => 0)
    const exportedAt = isoTime(sqlTime(new Date()))
    await write(lineOf({ type: 'registry', version: VERSION, exported_at: exportedAt }))
    for (const type of TYPES) {
      for await (const records of type === 'purged_image' ? purgedImages(db) : recordsOf(db, type)) {
        counts[type] += records.length
        await write(records.map(lineOf).join(''))
      }
    }
    await write(lineOf({ type: 'end', counts }))
    return counts
  })
}

async function* recordsOf(db: Queryable, type: RowType): AsyncGenerator<object[]> {
  for (let after = 0; ; ) {
    const rows = await selectRowsAfter(db, TABLE_OF[type], after, PAGE)
    if (type === 'image') yield await imageRecords(db, rows as ImageRow[])
    else if (type === 'label') yield await labelRecords(db, rows as LabelRow[])
    else {
      const storages = type === 'backup_object' ? await storageIds(db, rows as BackupObjectRow[]) : undefined
      yield rows.map((row) => recordOf<RowType>(type, row, storages?.get((row as BackupObjectRow).backup_storage_id)))
    }
    after = rows.at(-1)?.id ?? after
    if (rows.length < PAGE) return
  }
}

async function labelRecords(db: Queryable, labels: readonly LabelRow[]): Promise<RegistryRecord<'label'>[]> {
  return (await withoutUnprovable(db, labels.filter(isExported))).map((label) => recordOf('label', label))
}

async function imageRecords(db: Queryable, images: readonly ImageRow[]): Promise<RegistryRecord<'image'>[]> {
  const deleted = images.filter(isDeleted).map(({ uuid }) => canonicalId('image', uuid))
  const told = await selectStatesBeforeDeletion(db, deleted)
  return images.map((image) => {
    const state = isDeleted(image) ? stateBefore(image, told.get(canonicalId('image', image.uuid))) : undefined
    return { ...recordOf('image', image), ...(state !== undefined && { [STATE_BEFORE]: state }) }
  })
}

async function* purgedImages(db: Queryable): AsyncGenerator<RegistryRecord<'purged_image'>[]> {
  for (let after = 0; ; ) {
    const marks: HistoryRow[] = await selectPurgesAfter(db, after, PAGE)
    // The Ruby programs look at rows only, and so may have used an id again: then its row keeps it.
    const images = await selectRowsByUuid(
      db,
      'images',
      marks.map((mark) => uuidOf(mark.uuid)),
    )
    const used = new Set(images.map(({ uuid }) => uuid.toLowerCase()))
    yield marks
      .filter((mark) => !used.has(uuidOf(mark.uuid).toLowerCase()))
      .map((mark) => ({ type: 'purged_image', uuid: mark.uuid, purged_at: isoTime(mark.created_at) }))
    after = marks.at(-1)?.id ?? after
    if (marks.length < PAGE) return
  }
}

/** The claim on a storage's uuid belongs to its row: whoever imports that makes one. */
function isExported({ resource_uuid, name }: LabelRow): boolean {
  return resource_uuid !== null && isLabelled(resource_uuid) && name !== CLAIM_LABEL
}

async function storageIds(db: Queryable, objects: readonly BackupObjectRow[]): Promise<Map<number, string>> {
  const keys = [...new Set(objects.map((object) => object.backup_storage_id))]
  const storages = await selectStoragesByKey(db, keys)
  return new Map(storages.map(({ id, uuid }) => [id, canonicalId('backupStorage', uuid)]))
}

function lineOf(value: object): string {
  return `${JSON.stringify(value)}\n`
}
