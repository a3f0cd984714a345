import type * as z from 'zod/mini'
import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { isoTime } from '../../db/sql/time.ts'
import { insertHistories, selectHistories } from '../../db/tables/histories.ts'
import { insertManyHistories } from '../../db/tables/many-histories.ts'
import type { HistoryRow, NewRow } from '../../db/tables/rows.ts'
import type { historyEntry } from '../results/image.ts'
import { labelKey } from './label-key.ts'

/** Capacity of `histories.vchar_value` in characters; longer values go into `blob_value`. */
const VCHAR = 255

type Value = string | number | null

/** One entry of a history: the change of one attribute. */
export type HistoryEntry = z.output<typeof historyEntry>

/**
 * Records a creation in the history: one row per column, in the table's order, with `id`
 * as NULL (dcmgr.md, "History").
 *
 * @param id canonical ID of the new image or backup object.
 * @param at the time as stored in the tables, UTC.
 */
export async function recordCreation(
  db: Queryable,
  id: string,
  columns: readonly string[],
  row: Readonly<Record<string, Value>>,
  at: string,
): Promise<void> {
  await insertManyHistories(db, [creationRows(id, columns, row, at)])
}

/** Returns the rows of `recordCreation`, for writing many at once. */
export function creationRows(
  id: string,
  columns: readonly string[],
  row: Readonly<Record<string, Value>>,
  at: string,
): NewRow<HistoryRow>[] {
  return columns.map((column) => historyRow(id, column, column === 'id' ? null : (row[column] ?? null), at))
}

/** Records changed columns in the history, one row per column in the given order. The caller puts `updated_at` last. */
export async function recordChanges(
  db: Queryable,
  id: string,
  changes: Readonly<Record<string, Value>>,
  at: string,
): Promise<void> {
  await recordAllChanges(db, [[id, changes]], at)
}

/** Like `recordChanges`, for many canonical IDs, one after the other. */
export async function recordAllChanges(
  db: Queryable,
  changes: Iterable<readonly [id: string, changes: Readonly<Record<string, Value>>]>,
  at: string,
): Promise<void> {
  await insertHistories(db, Array.from(changes, ([id, columns]) => changeRows(id, columns, at)).flat())
}

/** Returns the rows of `recordChanges`, for writing many at once. */
export function changeRows(id: string, changes: Readonly<Record<string, Value>>, at: string): NewRow<HistoryRow>[] {
  return Object.entries(changes).map(([column, value]) => historyRow(id, column, value, at))
}

/**
 * Returns the columns of `given` that differ from the row, which are the ones to write
 * and record. Ignores undefined values. Compares numbers as text, because a size may be
 * either.
 */
export function changesOf<R extends object>(row: R, given: { [K in keyof R]?: R[K] | undefined }): Partial<R> {
  const textOf = (value: unknown) => (value === null ? null : String(value))
  return Object.fromEntries(
    Object.entries(given).filter(
      ([column, value]) => value !== undefined && textOf(value) !== textOf(row[column as keyof R]),
    ),
  ) as Partial<R>
}

/**
 * Reads the history of a thing's columns in the order in which it was written, oldest entry first,
 * regardless of the hosts' clocks.
 *
 * @param id canonical ID.
 */
export async function readHistory(db: Queryable, id: string): Promise<HistoryEntry[]> {
  return (await selectHistories(db, [id])).map(present)
}

/**
 * As `readHistory`, with the changes of labels and protection, if an image (label-history.ts).
 *
 * @param id canonical ID.
 */
export async function readWholeHistory(db: Queryable, id: string): Promise<HistoryEntry[]> {
  return (await selectHistories(db, [id, labelKey(id)])).map((row) => ({ ...present(row), id }))
}

/** Columns that never change, so that the row has their value at any time. */
const CONSTANT: readonly string[] = ['id', 'uuid', 'created_at']

/**
 * Returns a row as it was at a given time: each column has the last value recorded until
 * then. Columns without entries never changed and keep their current value. The order of
 * the entries counts rather than their times, which come from several hosts' clocks: all
 * entries before one had happened by its time.
 *
 * @param id canonical ID.
 * @param row the current row.
 * @param entries result of `readHistory`.
 * @param at ISO 8601 UTC, as in the entries.
 * @throws VdcError HISTORY_UNKNOWN if the history, or that of a column, begins later.
 */
export function stateAt<R extends { updated_at: string }>(
  id: string,
  row: R,
  entries: readonly HistoryEntry[],
  at: string,
): R {
  const now = row as unknown as Record<string, unknown>
  const recorded = entries.filter(({ attr }) => attr in now && !CONSTANT.includes(attr))
  const count = recorded.findLastIndex(({ created_at }) => created_at <= at) + 1
  const firsts = new Map<string, number>()
  for (const [index, { attr }] of recorded.entries()) if (!firsts.has(attr)) firsts.set(attr, index)
  const lastFirst = Math.max(-1, ...firsts.values())
  if (lastFirst >= count) {
    const from = recorded
      .slice(lastFirst)
      .reduce((first, { created_at }) => (created_at < first ? created_at : first), LAST)
    throw notKnown(
      id,
      at,
      count === 0 ? `its history begins at ${from}` : `its history is complete only from ${from} on`,
    )
  }
  // Earlier changes were not recorded.
  if (entries.length === 0 && isoTime(row.updated_at) > at)
    throw notKnown(id, at, `it has no history, and was last changed at ${isoTime(row.updated_at)}`)
  const then = { ...now }
  for (const { attr, value } of recorded.slice(0, count))
    then[attr] = typeof now[attr] === 'number' && value !== null ? exactNumber(value) : value
  return then as unknown as R
}

/** Later than any time in the tables. */
const LAST = '9999-12-31T23:59:59Z'

function notKnown(id: string, at: string, why: string): VdcError {
  return new VdcError('HISTORY_UNKNOWN', `The values of ${id} at ${at} are not known: ${why}`, {
    hint: `An import begins a new history, and older releases of Wakame-vdc recorded less. Show every entry with: vdc-manage image history ${id}`,
  })
}

/** Returns a number, or the text if the number would not be exact (`Int64`). */
function exactNumber(text: string): number | string {
  const number = Number(text)
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? text : number
}

function present(row: HistoryRow): HistoryEntry {
  return { id: row.uuid, created_at: isoTime(row.created_at), attr: row.attr, value: row.blob_value ?? row.vchar_value }
}

/** Returns a row of a history. */
export function historyRow(uuid: string, attr: string, value: Value, at: string): NewRow<HistoryRow> {
  const text = value === null ? null : String(value)
  const fits = text === null || text.length <= VCHAR || [...text].length <= VCHAR
  return { uuid, attr, vchar_value: fits ? text : null, blob_value: fits ? null : text, created_at: at }
}
