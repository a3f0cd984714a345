import type { Queryable } from './database.ts'
import { isSqlite } from './sql/exact-text.ts'
import type { Lock } from './transactions/locks.ts'

/*
 * Runs statements with a fixed text, which SQLite keeps compiled. knex builds the text of each
 * query anew, which takes longer than running a short one, so knex is only for queries whose
 * text depends on the request, such as lists.
 */

/** A value of a column. */
type Value = string | number | null

/** The clauses that lock rows on MySQL. */
const LOCKS: Readonly<Record<Lock, string>> = { share: ' LOCK IN SHARE MODE', update: ' FOR UPDATE' }

/**
 * Finds rows.
 *
 * @param sql with a `?` for each value.
 * @param lock keeps other processes from changing the rows until the transaction ends (`locked`).
 * @throws VdcError if the database refuses the statement.
 */
export async function select<R extends object>(
  db: Queryable,
  sql: string,
  values: readonly Value[],
  lock?: Lock,
): Promise<R[]> {
  if (isSqlite(db)) return (await run(db, sql, values)).response
  return (await run(db, lock === undefined ? sql : sql + LOCKS[lock], values)).response[0]
}

/**
 * Writes rows.
 *
 * @param sql with a `?` for each value.
 * @returns the integer ID of an inserted row.
 * @throws VdcError if the database refuses the statement.
 */
export async function write(db: Queryable, sql: string, values: readonly Value[]): Promise<number> {
  const { response, context } = await run(db, sql, values)
  return isSqlite(db) ? context.lastID : response[0].insertId
}

/**
 * Inserts rows with one statement.
 *
 * @param rows at least one. All have the columns of the first one.
 * @returns the integer ID of the first row.
 * @throws VdcError if the database refuses the statement.
 */
export async function insert(db: Queryable, table: string, rows: readonly object[]): Promise<number> {
  const columns = Object.keys(rows[0] as object)
  const values = rows.flatMap((row) => columns.map((column) => (row as Record<string, Value>)[column] ?? null))
  const all = rows.map(() => marks(columns)).join(', ')
  return write(db, `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${all}`, values)
}

/**
 * Inserts a row unless a query finds a row, with one statement.
 *
 * @param query with a `?` for each of `values`.
 * @returns the integer ID of the inserted row; undefined if the query found a row.
 * @throws VdcError if the database refuses the statement.
 */
export async function insertUnless(
  db: Queryable,
  table: string,
  row: object,
  query: string,
  values: readonly Value[],
): Promise<number | undefined> {
  const columns = Object.keys(row)
  const selected = `SELECT ${columns.map(() => '?').join(', ')} FROM (SELECT 1) AS one WHERE NOT EXISTS (${query})`
  const all = [...Object.values(row), ...values]
  const { response, context } = await run(db, `INSERT INTO ${table} (${columns.join(', ')}) ${selected}`, all)
  const { id, rows } = isSqlite(db)
    ? { id: context.lastID, rows: context.changes }
    : { id: response[0].insertId, rows: response[0].affectedRows }
  return rows === 0 ? undefined : id
}

/**
 * Runs a statement whose text includes its values. MySQL only.
 *
 * @param sql the statement without the values, for `--debug`.
 * @throws VdcError if the database refuses the statement.
 */
export async function writeText(db: Queryable, sql: string, text: string): Promise<void> {
  await run(db, sql, [], text)
}

/** Returns a `?` for each value, in parentheses. */
export function marks(values: readonly unknown[]): string {
  return `(${values.map(() => '?').join(', ')})`
}

async function run({ client }: Queryable, sql: string, values: readonly Value[], text?: string) {
  const connection = await client.acquireConnection()
  try {
    return await client.query(connection, { sql, bindings: values, isFixed: true, text })
  } finally {
    await client.releaseConnection(connection)
  }
}
