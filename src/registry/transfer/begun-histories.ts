import type { Queryable } from '../../db/database.ts'
import { selectIdsWithHistory } from '../../db/histories.ts'
import { type Entries, insertManyHistories } from '../../db/many-histories.ts'
import { selectLastId, selectNewRowsByUuid } from '../../db/many-rows.ts'
import {
  BACKUP_OBJECT_COLUMNS,
  type BackupObjectRow,
  IMAGE_COLUMNS,
  type ImageRow,
  type NewRow,
} from '../../db/rows.ts'
import { notesOf } from '../../db/writes.ts'
import { changeRows, changesOf, creationRows } from '../history.ts'
import { canonicalId, type Kind } from '../identifiers.ts'
import { isDeleted } from '../image/find.ts'

/** Rows whose histories are written together. */
const PAGE = 200

/** An image that was inserted; if it is deleted, with its earlier state, where that is known. */
export interface NewImage {
  row: NewRow<ImageRow>
  stateBefore: string | undefined
}

type LastIds = Readonly<Record<'images' | 'backup_objects', number>>

/**
 * Begins the histories of imported images and objects, with a row for each column.
 *
 * That is twenty times as many rows as things, and each thing would grow their indexes at a
 * random place. So they are written after all things, in the order of uuids, which takes at
 * most half the time (docs/decisions/0020).
 */
export class BegunHistories {
  readonly #db: Queryable
  readonly #now: string
  /** The last integer ids before the import; undefined if histories are written at once. */
  readonly #before: LastIds | undefined

  private constructor(db: Queryable, now: string, before: LastIds | undefined) {
    this.#db = db
    this.#now = now
    this.#before = before
  }

  /** @param now the time, as the tables hold it. */
  static async start(db: Queryable, now: string): Promise<BegunHistories> {
    // A dry run prints each thing with its history.
    if (notesOf(db) !== undefined) return new BegunHistories(db, now, undefined)
    const before = {
      images: await selectLastId(db, 'images'),
      backup_objects: await selectLastId(db, 'backup_objects'),
    }
    return new BegunHistories(db, now, before)
  }

  /** To be called with images that were just inserted. */
  async addImages(images: readonly NewImage[]): Promise<void> {
    // The earlier state of a deleted image is known only now.
    const known = this.#before === undefined ? images : images.filter(({ row }) => isDeleted(row))
    await insertManyHistories(
      this.#db,
      known.map(({ row, stateBefore }) => this.#ofImage(row, stateBefore)),
    )
  }

  /** To be called with objects that were just inserted. */
  async addObjects(objects: readonly NewRow<BackupObjectRow>[]): Promise<void> {
    if (this.#before !== undefined) return
    await insertManyHistories(
      this.#db,
      objects.map((row) => this.#created('backupObject', BACKUP_OBJECT_COLUMNS, row)),
    )
  }

  /** Writes the histories that are not written yet. */
  async end(): Promise<void> {
    if (this.#before === undefined) return
    for await (const rows of this.#withoutHistory('backup_objects', 'backupObject', this.#before.backup_objects))
      await insertManyHistories(
        this.#db,
        rows.map((row) => this.#created('backupObject', BACKUP_OBJECT_COLUMNS, row)),
      )
    for await (const rows of this.#withoutHistory('images', 'image', this.#before.images))
      await insertManyHistories(
        this.#db,
        rows.map((row) => this.#ofImage(row, undefined)),
      )
  }

  /** Rows that the import added. Those that others added meanwhile have a history already. */
  async *#withoutHistory<T extends 'images' | 'backup_objects'>(table: T, kind: Kind, before: number) {
    for (let after = '', isEnd = false; !isEnd; ) {
      const rows = await selectNewRowsByUuid(this.#db, table, before, after, PAGE)
      const ids = rows.map(({ uuid }) => canonicalId(kind, uuid))
      const begun = new Set(await selectIdsWithHistory(this.#db, ids))
      yield rows.filter((_, index) => !begun.has(ids[index] as string))
      after = rows.at(-1)?.uuid ?? after
      isEnd = rows.length < PAGE
    }
  }

  /** If the earlier state of a deleted image is known: its creation in that state, then its deletion. */
  #ofImage(row: NewRow<ImageRow>, stateBefore: string | undefined): Entries {
    if (stateBefore === undefined || !isDeleted(row)) return this.#created('image', IMAGE_COLUMNS, row)
    const before = { ...row, state: stateBefore, deleted_at: null }
    const deletion = changesOf<NewRow<ImageRow>>(before, { deleted_at: row.deleted_at, state: row.state })
    return [
      ...this.#created('image', IMAGE_COLUMNS, before),
      ...changeRows(canonicalId('image', row.uuid), { ...deletion, updated_at: row.updated_at }, this.#now),
    ]
  }

  #created(kind: Kind, columns: readonly string[], row: NewRow<ImageRow> | NewRow<BackupObjectRow>): Entries {
    return creationRows(canonicalId(kind, row.uuid), columns, row as never, this.#now)
  }
}
