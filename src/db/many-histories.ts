import type { Queryable } from './database.ts'
import { isSqlite } from './exact.ts'
import { insertHistories } from './histories.ts'
import type { HistoryRow, NewRow } from './rows.ts'
import { write } from './statement.ts'
import { notesOf } from './writes.ts'

/** Rows of one thing's history with the same time. */
export type Entries = readonly NewRow<HistoryRow>[]

/** Things whose entries one statement writes. */
const MOST_THINGS = 20

/**
 * Writes entries of the histories of many things. On SQLite, binding values takes most of the
 * time, so each value that entries share is bound once: the uuid of a thing, and the names
 * of columns of things that have the same ones.
 */
export async function insertManyHistories(db: Queryable, histories: readonly Entries[]): Promise<void> {
  if (!isSqlite(db) || notesOf(db) !== undefined) return insertHistories(db, histories.flat())
  for (let start = 0; start < histories.length; ) {
    const alike = alikeFrom(histories, start)
    await insertAlike(db, alike)
    start += alike.length
  }
}

/** The histories from a place on that are like the first one there, as many as one statement takes. */
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
  const columns = 'uuid, attr, vchar_value, blob_value, created_at'
  await write(db, `INSERT INTO histories (${columns}) VALUES ${rows.join(', ')}`, values)
}
