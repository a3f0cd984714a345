import type { Queryable } from '../../db/database.ts'
import { type Entries, insertManyHistories } from '../../db/tables/many-histories.ts'
import { selectRowsByUuid } from '../../db/tables/many-rows.ts'
import {
  BACKUP_OBJECT_COLUMNS,
  type BackupObjectRow,
  IMAGE_COLUMNS,
  type ImageRow,
  type NewRow,
} from '../../db/tables/rows.ts'
import { notesOf } from '../../db/tables/writes.ts'
import { changeRows, changesOf, creationRows } from '../history/history.ts'
import { isDeleted } from '../image/find.ts'
import { canonicalId, type Kind } from '../rules/identifiers.ts'

/** Rows whose histories are written together. */
const PAGE = 1000

/** An inserted image. */
export interface NewImage {
  row: NewRow<ImageRow>
  /** State of a deleted image before its deletion; undefined if unknown. */
  stateBefore: string | undefined
}

/** Maps rows lazily, one at a time. */
function* mapEach<T, U>(rows: Iterable<T>, map: (row: T) => U): Generator<U> {
  for (const row of rows) yield map(row)
}

/**
 * Begins the histories of imported images and objects, with one row per column.
 *
 * A thing has about twenty history rows, which go to random places in the indexes. So the
 * histories are written after all things, ordered by UUID, which takes at most half the
 * time (docs/decisions/0020).
 */
export class BegunHistories {
  readonly #db: Queryable
  readonly #now: string
  /**
   * UUIDs of imported rows whose histories are not written yet. Other programs may insert
   * rows at the same time, some without a history, so the rows are listed one by one.
   */
  readonly #waiting: Readonly<Record<'images' | 'backup_objects', string[]>> = { images: [], backup_objects: [] }

  /** @param now the time of the import, as stored in the tables. */
  constructor(db: Queryable, now: string) {
    this.#db = db
    this.#now = now
  }

  /** Adds the histories of images that were just inserted. */
  async addImages(images: readonly NewImage[]): Promise<void> {
    // The earlier state of a deleted image is not in its row, so its history cannot be written later.
    const isKnown = ({ row }: NewImage) => !this.#waits() || isDeleted(row)
    for (const image of images) if (!isKnown(image)) this.#waiting.images.push(image.row.uuid)
    await insertManyHistories(
      this.#db,
      images.filter(isKnown).map(({ row, stateBefore }) => this.#ofImage(row, stateBefore)),
    )
  }

  /** Adds the histories of objects that were just inserted. */
  async addObjects(objects: readonly NewRow<BackupObjectRow>[]): Promise<void> {
    if (this.#waits()) for (const { uuid } of objects) this.#waiting.backup_objects.push(uuid)
    else await insertManyHistories(this.#db, objects.map(this.#ofObject))
  }

  /** Writes the histories that are not written yet. */
  async end(): Promise<void> {
    for await (const objects of this.#rows('backup_objects'))
      await insertManyHistories(this.#db, mapEach(objects, this.#ofObject))
    const ofImage = (row: ImageRow) => this.#ofImage(row, undefined)
    for await (const images of this.#rows('images')) await insertManyHistories(this.#db, mapEach(images, ofImage))
  }

  /** Returns whether histories are written last. Not in a dry run, which prints each thing with its history. */
  #waits(): boolean {
    return notesOf(this.#db) === undefined
  }

  /** Reads the rows whose histories are not written yet, a page at a time. */
  async *#rows<T extends 'images' | 'backup_objects'>(table: T) {
    const uuids = this.#waiting[table].sort()
    for (let start = 0; start < uuids.length; start += PAGE) {
      const rows = await selectRowsByUuid(this.#db, table, uuids.slice(start, start + PAGE))
      yield rows.sort((a, b) => (a.uuid < b.uuid ? -1 : 1))
    }
  }

  /** Returns the history of an image. For a deleted image whose earlier state is known: its creation in that state, then its deletion. */
  #ofImage(row: NewRow<ImageRow>, stateBefore: string | undefined): Entries {
    if (stateBefore === undefined || !isDeleted(row)) return this.#created('image', IMAGE_COLUMNS, row)
    const before = { ...row, state: stateBefore, deleted_at: null }
    const deletion = changesOf<NewRow<ImageRow>>(before, { deleted_at: row.deleted_at, state: row.state })
    return [
      ...this.#created('image', IMAGE_COLUMNS, before),
      ...changeRows(canonicalId('image', row.uuid), { ...deletion, updated_at: row.updated_at }, this.#now),
    ]
  }

  readonly #ofObject = (row: NewRow<BackupObjectRow>): Entries =>
    this.#created('backupObject', BACKUP_OBJECT_COLUMNS, row)

  #created(kind: Kind, columns: readonly string[], row: NewRow<ImageRow> | NewRow<BackupObjectRow>): Entries {
    return creationRows(canonicalId(kind, row.uuid), columns, row as never, this.#now)
  }
}
