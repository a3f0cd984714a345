import type { Knex } from 'knex'
import type { Queryable } from '../database.ts'
import { isSqlite } from '../sql/exact-text.ts'

/** A transaction, or a savepoint in one. */
interface Open {
  readonly connection: unknown
  /** The number of savepoints around it; 0 for a transaction. */
  readonly depth: number
  isOver: boolean
}

/** Open transactions and savepoints, by the handle that queries run on. */
const transactions = new WeakMap<Queryable, Open>()

/**
 * Runs `work` in a transaction that is committed when `work` returns, and rolled back when
 * it throws. Within another transaction it is a savepoint, which is rolled back alone.
 *
 * knex's transactions are slow, because each creates all of knex's functions anew. They run
 * `work` even if BEGIN failed, and stay open if COMMIT failed (docs/decisions/0018).
 *
 * @param options.snapshot `work` only reads, and sees the database as of its first query.
 * @throws errors of `work`; VdcError if the database refuses a statement.
 */
export async function transaction<T>(
  db: Queryable,
  work: (trx: Queryable) => Promise<T>,
  options: { snapshot?: boolean } = {},
): Promise<T> {
  const outer = transactions.get(db)
  if (outer !== undefined) {
    if (outer.isOver) throw ended()
    const depth = outer.depth + 1
    const name = `part_${depth}`
    return run(db, { connection: outer.connection, depth, isOver: false }, work, {
      begin: [`SAVEPOINT ${name}`],
      // MySQL replaces a savepoint of the same name; SQLite would stack them.
      commit: isSqlite(db) ? `RELEASE ${name}` : undefined,
      rollback: `ROLLBACK TO ${name}`,
    })
  }
  const connection = await db.client.acquireConnection()
  try {
    const begin = beginnings(db, options)
    return await run(db, { connection, depth: 0, isOver: false }, work, {
      begin,
      commit: 'COMMIT',
      rollback: 'ROLLBACK',
    })
  } finally {
    await db.client.releaseConnection(connection)
  }
}

/**
 * Returns the statements that begin a transaction. On SQLite, a transaction that may write takes
 * the write lock at once: later that would fail, without waiting, if another process had written
 * since the first read.
 */
function beginnings(db: Queryable, { snapshot }: { snapshot?: boolean }): string[] {
  if (isSqlite(db)) return [snapshot ? 'BEGIN' : 'BEGIN IMMEDIATE']
  return [...(snapshot ? ['SET TRANSACTION ISOLATION LEVEL REPEATABLE READ'] : []), 'BEGIN']
}

async function run<T>(
  db: Queryable,
  open: Open,
  work: (trx: Queryable) => Promise<T>,
  statements: { begin: string[]; commit: string | undefined; rollback: string },
): Promise<T> {
  const send = (statement: string) => db.client.query(open.connection, statement)
  for (const statement of statements.begin) await send(statement)
  try {
    const result = await work(handleOf(db, open))
    if (statements.commit !== undefined) await send(statements.commit)
    return result
  } catch (error) {
    // If that fails too, the dialect has closed the connection (`_query`, `query`).
    await send(statements.rollback).catch(() => {})
    throw error
  } finally {
    open.isOver = true
  }
}

function ended(): Error {
  return new Error('The transaction has ended')
}

/** Creates a handle whose queries run in a transaction, on its connection. */
function handleOf(db: Queryable, open: Open): Queryable {
  const client: Knex.Client = Object.assign(Object.create(db.client), {
    async acquireConnection() {
      if (open.isOver) throw ended()
      return open.connection
    },
    async releaseConnection() {},
  })
  const from = (table: string) => client.queryBuilder().from(table)
  const handle = Object.assign(from.bind(null), { client, fn: db.fn, from, raw: client.raw.bind(client) })
  Object.defineProperty(handle, 'schema', { get: () => client.schemaBuilder() })
  transactions.set(handle as Queryable, open)
  return handle as Queryable
}
