import type { Queryable } from '../database.ts'
import { overlapped } from '../overlapped.ts'
import { isSqlite } from '../sql/exact-text.ts'
import { write, writeText } from '../statement.ts'
import { insertHistories } from './histories.ts'
import type { HistoryRow, NewRow } from './rows.ts'
import { notesOf } from './writes.ts'

/** History rows of one thing with the same time. */
export type Entries = readonly NewRow<HistoryRow>[]

/** Things whose entries one statement writes at most. */
const MOST_THINGS = 20

const COLUMNS = 'uuid, attr, vchar_value, blob_value, created_at'

/** Characters of one statement on MySQL at most. Each has up to three bytes, and old servers accept 1 MiB. */
const MOST_TEXT = 256 * 1024

/**
 * Inserts history entries of many things. This takes most of the time of an import, so values
 * that entries share (uuids, and the column names of similar things) are bound once on SQLite, and
 * quoted once on MySQL.
 */
export async function insertManyHistories(db: Queryable, histories: Iterable<Entries>): Promise<void> {
  if (notesOf(db) !== undefined) return insertHistories(db, [...histories].flat())
  if (!isSqlite(db)) {
    const sql = `INSERT INTO histories (${COLUMNS}) VALUES `
    return overlapped(textsOf(histories, db.client.driver.escape), (rows) => writeText(db, `${sql}…`, sql + rows))
  }
  const all = [...histories]
  for (let start = 0; start < all.length; ) {
    const alike = alikeFrom(all, start)
    await insertAlike(db, alike)
    start += alike.length
  }
}

/** Yields the rows of histories as SQL text for MySQL, as many at a time as fit into one statement. */
function* textsOf(histories: Iterable<Entries>, quote: (value: string | null) => string): Generator<string> {
  const names = new Map<string, string>()
  const nameOf = (attr: string) => {
    const name = names.get(attr) ?? quote(attr)
    names.set(attr, name)
    return name
  }
  let text = ''
  for (const entries of histories) {
    const { uuid = '', created_at = '' } = entries[0] ?? {}
    const start = `(${quote(uuid)}, `
    const end = `, ${quote(created_at)})`
    for (const { attr, vchar_value, blob_value } of entries) {
      const row = `${start}${nameOf(attr)}, ${quote(vchar_value)}, ${quote(blob_value)}${end}`
      if (text !== '' && text.length + row.length > MOST_TEXT) {
        yield text
        text = ''
      }
      text += text === '' ? row : `, ${row}`
    }
  }
  if (text !== '') yield text
}

/** Returns the histories from `start` on that have the same columns and time as the first, as many as fit into one statement. */
function alikeFrom(histories: readonly Entries[], start: number): readonly Entries[] {
  const first = histories[start] as Entries
  let end = start + 1
  while (end < histories.length && end - start < MOST_THINGS && isAlike(first, histories[end] as Entries)) end++
  return histories.slice(start, end)
}

function isAlike(a: Entries, b: Entries): boolean {
  return (
    a.length === b.length &&
    a[0]?.created_at === b[0]?.created_at &&
    a.every(({ attr, blob_value }, index) => {
      const other = b[index] as Entries[number]
      return attr === other.attr && (blob_value === null) === (other.blob_value === null)
    })
  )
}

async function insertAlike(db: Queryable, histories: readonly Entries[]): Promise<void> {
  const [first = []] = histories
  const values: (string | null)[] = [first[0]?.created_at ?? '', ...first.map(({ attr }) => attr)]
  const rows: string[] = []
  for (const entries of histories) {
    values.push(entries[0]?.uuid ?? '')
    const uuid = values.length
    for (const [index, { vchar_value, blob_value }] of entries.entries()) {
      values.push(vchar_value ?? blob_value)
      const columns = blob_value === null ? `?${values.length}, NULL` : `NULL, ?${values.length}`
      rows.push(`(?${uuid}, ?${index + 2}, ${columns}, ?1)`)
    }
  }
  await write(db, `INSERT INTO histories (${COLUMNS}) VALUES ${rows.join(', ')}`, values)
}
