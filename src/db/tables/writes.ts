import type { Queryable } from '../database.ts'
import { insert, insertUnless, marks, select, write } from '../statement.ts'
import { transaction } from '../transactions/transaction.ts'
import type { NewRow, Tables, WrittenRow } from './rows.ts'

/*
 * All writes of rows go through this file, so that a dry run (`dryRun` in
 * unit-of-work.ts) can report them.
 */

type Table = keyof Tables

/** Rows of one INSERT at most; SQLite allows 32,766 values. */
const MOST_ROWS = 1000
/** Characters of one INSERT at most. Each has up to three bytes, or two when escaped, and old servers accept 1 MiB. */
const MOST_TEXT = 256 * 1024

const notes = new WeakMap<Queryable, WrittenRow[]>()

/** Makes all writes through a handle be recorded in `written`, in their order. */
export function noteWrites(db: Queryable, written: WrittenRow[]): void {
  notes.set(db, written)
}

/** Returns the list in which writes through a handle are recorded; undefined if they are not. */
export function notesOf(db: Queryable): WrittenRow[] | undefined {
  return notes.get(db)
}

/** Inserts a row. Returns its integer ID. */
export async function insertRow<T extends Table>(db: Queryable, table: T, row: NewRow<Tables[T]>): Promise<number> {
  const id = await insert(db, table, [row])
  await noteRow(db, table, 'insert', id)
  return id
}

/** Inserts a row unless a query finds a row (`insertUnless`). Returns its integer ID, or undefined. */
export async function insertRowUnless<T extends Table>(
  db: Queryable,
  table: T,
  row: NewRow<Tables[T]>,
  query: string,
  values: readonly string[],
): Promise<number | undefined> {
  const id = await insertUnless(db, table, row, query, values)
  if (id !== undefined) await noteRow(db, table, 'insert', id)
  return id
}

/**
 * Inserts rows, many with one statement. If writes are recorded, inserts them one by one within
 * a transaction, because their IDs must be known.
 */
export async function insertRows<T extends Table>(
  db: Queryable,
  table: T,
  rows: readonly NewRow<Tables[T]>[],
): Promise<void> {
  const noted = notes.get(db)
  if (noted !== undefined) {
    const written: WrittenRow[] = []
    await transaction(db, async (all) => {
      noteWrites(all, written)
      for (const row of rows) await insertRow(all, table, row)
    })
    noted.push(...written)
  } else {
    for (const some of byStatement(rows)) await insert(db, table, some)
  }
}

/** Splits rows into batches that one statement may insert. */
function* byStatement<T extends object>(rows: readonly T[]): Generator<readonly T[]> {
  let start = 0
  let text = 0
  for (const [index, row] of rows.entries()) {
    let own = 0
    for (const value of Object.values(row)) if (typeof value === 'string') own += value.length
    if (index > start && (index - start === MOST_ROWS || text + own > MOST_TEXT)) {
      yield rows.slice(start, index)
      start = index
      text = 0
    }
    text += own
  }
  if (rows.length > start) yield rows.slice(start)
}

/** Changes columns of a row, given by integer ID. */
export async function updateRow<T extends Table>(
  db: Queryable,
  table: T,
  id: number,
  changes: Partial<Tables[T]>,
): Promise<void> {
  const before = notes.has(db) ? await readRow(db, table, id) : undefined
  await update(db, table, [id], changes)
  await noteRow(db, table, 'update', id, before)
}

/**
 * Changes columns of rows, given by integer ID. Rows with the same new values share a
 * statement, unless writes are recorded for a dry run (`noteWrites`).
 */
export async function updateRows<T extends Table>(
  db: Queryable,
  table: T,
  changes: ReadonlyMap<number, Partial<Tables[T]>>,
): Promise<void> {
  const alike = new Map<string, number[]>()
  for (const [id, columns] of changes) {
    const key = notes.has(db) ? String(id) : JSON.stringify(columns)
    const ids = alike.get(key)
    if (ids === undefined) alike.set(key, [id])
    else ids.push(id)
  }
  for (const [first, ...others] of alike.values()) {
    const id = first as number
    const columns = changes.get(id) as Partial<Tables[T]>
    if (others.length === 0) await updateRow(db, table, id, columns)
    else await update(db, table, [id, ...others], columns)
  }
}

async function update(db: Queryable, table: Table, ids: readonly number[], changes: object): Promise<void> {
  const set = Object.keys(changes).map((column) => `${column} = ?`)
  const values: Row[string][] = Object.values(changes)
  await write(db, `UPDATE ${table} SET ${set.join(', ')} WHERE id IN ${marks(ids)}`, [...values, ...ids])
}

/** Deletes rows, given by integer ID. */
export async function deleteRows(db: Queryable, table: Table, ids: readonly number[]): Promise<void> {
  for (const id of notes.has(db) ? ids : []) await noteRow(db, table, 'delete', id)
  if (ids.length > 0) await write(db, `DELETE FROM ${table} WHERE id IN ${marks(ids)}`, ids)
}

/** Records a row as it is in the table, so that values have the form in which they are stored. */
async function noteRow(
  db: Queryable,
  table: Table,
  action: WrittenRow['action'],
  id: number,
  before?: Row,
): Promise<void> {
  const written = notes.get(db)
  const row = written && (await readRow(db, table, id))
  if (row === undefined) return
  const changed = before && Object.entries(before).filter(([column, value]) => row[column] !== value)
  if (changed?.length === 0) return
  written?.push({ table, action, row, old: changed ? Object.fromEntries(changed) : null } as unknown as WrittenRow)
}

type Row = Record<string, string | number | null>

async function readRow(db: Queryable, table: Table, id: number): Promise<Row | undefined> {
  return (await select<Row>(db, `SELECT * FROM ${table} WHERE id = ?`, [id]))[0]
}
