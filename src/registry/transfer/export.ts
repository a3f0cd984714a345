import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { isoTime, sqlTime } from '../../db/sql/time.ts'
import { selectStoragesByKey } from '../../db/tables/backup-storages.ts'
import { selectPurgesAfter, selectStatesBeforeDeletion } from '../../db/tables/histories.ts'
import { selectRowsAfter, selectRowsByUuid } from '../../db/tables/many-rows.ts'
import type { BackupObjectRow, HistoryRow, ImageRow, LabelRow } from '../../db/tables/rows.ts'
import { inSnapshot } from '../../db/transactions/snapshot.ts'
import { withoutStaleLabels } from '../backup-object/labels.ts'
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

/** Rows read at once. */
const PAGE = 500

/** The number of lines of each type. */
export type Counts = Record<RecordType, number>

/**
 * Exports the whole registry as JSON lines (`records.ts`): a consistent snapshot of all
 * accounts, storages, objects, images and labels, including deleted ones. From the
 * history, it includes only the IDs of purged images, which stay taken, and the earlier
 * states of deleted images, for `image undelete`. Memory does not grow with the number of rows.
 *
 * @param write receives one or more lines, each with its newline. If it throws, the export ends.
 * @returns the number of lines of each type.
 * @throws VdcError USAGE in `--tx bulk`, whose transaction is not a snapshot.
 */
export async function exportRegistry(registry: Registry, write: (lines: string) => Promise<void>): Promise<Counts> {
  if (registry.database.commits === 'outer') {
    throw new VdcError('USAGE', 'An export cannot be part of --tx bulk', {
      hint: 'Run it on its own: vdc-manage registry export',
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
  return (await withoutStaleLabels(db, labels.filter(isExported))).map((label) => recordOf('label', label))
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
    // The Ruby programs check rows only and may have reused an ID. Its new row then keeps it taken.
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

/** Returns whether a label is exported. The claim on a storage's UUID is not, as importing the storage creates one. */
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
