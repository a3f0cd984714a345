import type * as z from 'zod/mini'
import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { isoTime } from '../../db/sql/time.ts'
import { insertHistories, selectHistories } from '../../db/tables/histories.ts'
import { insertManyHistories } from '../../db/tables/many-histories.ts'
import type { HistoryRow, NewRow } from '../../db/tables/rows.ts'
import type { historyEntry } from '../results/image.ts'

/** Characters that `histories.vchar_value` holds; what is longer goes into `blob_value`. */
const VCHAR = 255

type Value = string | number | null

/** One change of one attribute. */
export type HistoryEntry = z.output<typeof historyEntry>

/**
 * Records that a thing was created: a row per column, in the table's order,
 * `id` included as NULL (dcmgr.md, "History").
 *
 * @param id the canonical id of the thing.
 * @param at the time in the tables' form, UTC.
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

/** The rows of `recordCreation`, for where many things are stored at once. */
export function creationRows(
  id: string,
  columns: readonly string[],
  row: Readonly<Record<string, Value>>,
  at: string,
): NewRow<HistoryRow>[] {
  return columns.map((column) => historyRow(id, column, column === 'id' ? null : (row[column] ?? null), at))
}

/** Records that columns of a thing changed, a row per column in the order given; `updated_at` is to be the last. */
export async function recordChanges(
  db: Queryable,
  id: string,
  changes: Readonly<Record<string, Value>>,
  at: string,
): Promise<void> {
  await recordAllChanges(db, [[id, changes]], at)
}

/** As `recordChanges`, of many things by their canonical ids, one after the other. */
export async function recordAllChanges(
  db: Queryable,
  changes: Iterable<readonly [id: string, changes: Readonly<Record<string, Value>>]>,
  at: string,
): Promise<void> {
  await insertHistories(db, Array.from(changes, ([id, columns]) => changeRows(id, columns, at)).flat())
}

/** The rows of `recordChanges`, for where many things change at once. */
export function changeRows(id: string, changes: Readonly<Record<string, Value>>, at: string): NewRow<HistoryRow>[] {
  return Object.entries(changes).map(([column, value]) => historyRow(id, column, value, at))
}

/**
 * The columns of `given` that are not what the row has: only these are to be
 * written and recorded. What is undefined was not given. Numbers compare as
 * their text, as a size may be either.
 */
export function changesOf<R extends object>(row: R, given: { [K in keyof R]?: R[K] | undefined }): Partial<R> {
  const textOf = (value: unknown) => (value === null ? null : String(value))
  return Object.fromEntries(
    Object.entries(given).filter(
      ([column, value]) => value !== undefined && textOf(value) !== textOf(row[column as keyof R]),
    ),
  ) as Partial<R>
}

/** Reads what became of a thing, given by its canonical id; the newest change is the last, whatever the clocks of the hosts said. */
export async function readHistory(db: Queryable, id: string): Promise<HistoryEntry[]> {
  return (await selectHistories(db, id)).map(present)
}

/** What never changes, so that the row tells it for every time. */
const CONSTANT: readonly string[] = ['id', 'uuid', 'created_at']

/**
 * The columns of a thing as they were at a time: of each, what its history last
 * said until then. What the history never speaks of is what it is now, as it did
 * not change. The order of the entries decides what was last, as their times are
 * of several hosts' clocks: what comes before an entry had happened by its time.
 *
 * @param id canonical.
 * @param entries as `readHistory` gives them.
 * @param at ISO 8601 UTC, as in the entries.
 * @throws VdcError HISTORY_UNKNOWN where the history begins only later, for a column or at all.
 */
export function stateAt<R extends { updated_at: string }>(
  id: string,
  row: R,
  entries: readonly HistoryEntry[],
  at: string,
): R {
  const now = row as unknown as Record<string, unknown>
  const told = entries.filter(({ attr }) => attr in now && !CONSTANT.includes(attr))
  const count = told.findLastIndex(({ created_at }) => created_at <= at) + 1
  const firsts = new Map<string, number>()
  for (const [index, { attr }] of told.entries()) if (!firsts.has(attr)) firsts.set(attr, index)
  const lastFirst = Math.max(-1, ...firsts.values())
  if (lastFirst >= count) {
    const from = told
      .slice(lastFirst)
      .reduce((first, { created_at }) => (created_at < first ? created_at : first), LAST)
    throw notKnown(
      id,
      at,
      count === 0 ? `its history begins at ${from}` : `its history tells all of it only from ${from} on`,
    )
  }
  // Nobody recorded what changed until then.
  if (entries.length === 0 && isoTime(row.updated_at) > at)
    throw notKnown(id, at, `it has no history, and was last changed at ${isoTime(row.updated_at)}`)
  const then = { ...now }
  for (const { attr, value } of told.slice(0, count))
    then[attr] = typeof now[attr] === 'number' && value !== null ? exactNumber(value) : value
  return then as unknown as R
}

/** Later than all times of the tables. */
const LAST = '9999-12-31T23:59:59Z'

function notKnown(id: string, at: string, why: string): VdcError {
  return new VdcError('HISTORY_UNKNOWN', `The values of ${id} at ${at} are not known: ${why}`, {
    hint: `An import begins a new history, and older releases of Wakame-vdc recorded less; vdc-manage image history ${id} shows every entry`,
  })
}

/** A number where that is exact, else its text (`Int64`). */
function exactNumber(text: string): number | string {
  const number = Number(text)
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? text : number
}

function present(row: HistoryRow): HistoryEntry {
  return { id: row.uuid, created_at: isoTime(row.created_at), attr: row.attr, value: row.blob_value ?? row.vchar_value }
}

function historyRow(uuid: string, attr: string, value: Value, at: string): NewRow<HistoryRow> {
  const text = value === null ? null : String(value)
  const fits = text === null || text.length <= VCHAR || [...text].length <= VCHAR
  return { uuid, attr, vchar_value: fits ? text : null, blob_value: fits ? null : text, created_at: at }
}
