import type { Knex } from 'knex'
import type { Queryable } from './database.ts'
import { isSqlite } from './exact.ts'

/** A transaction, or a part of one. */
interface Open {
  readonly connection: unknown
  /** The number of parts that it is within. */
  readonly depth: number
  isOver: boolean
}

/** By the handle that queries run on. */
const transactions = new WeakMap<Queryable, Open>()

/**
 * Runs `work` in a transaction, which is committed when `work` ends and rolled back when it
 * throws. Within another transaction it is a part of that, and is rolled back alone.
 *
 * knex has transactions too: those put all of its functions together anew each time, run
 * `work` also where BEGIN failed, and leave open what could not be committed.
 *
 * @param options.snapshot `work` only reads, and sees the database as it is at its first query.
 * @throws what `work` throws; VdcError what the database refuses.
 */
export async function transaction<T>(
  db: Queryable,
  work: (trx: Queryable) => Promise<T>,
  options: { snapshot?: boolean } = {},
): Promise<T> {
  const outer = transactions.get(db)
  if (outer !== undefined) {
    const depth = outer.depth + 1
    const name = `part_${depth}`
    return run(db, { connection: outer.connection, depth, isOver: false }, work, {
      begin: [`SAVEPOINT ${name}`],
      // MySQL replaces a savepoint by the next one of its name; SQLite would pile them up.
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
 * On SQLite a transaction that may write takes the write lock at its start: one that asks for it
 * later fails at once, without waiting, if another process wrote since its first read.
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
    // Where that fails too, the connection is given up (`_query` of the two dialects).
    await send(statements.rollback).catch(() => {})
    throw error
  } finally {
    open.isOver = true
  }
}

/** Makes the handle whose queries run in a transaction, on the connection of that. */
function handleOf(db: Queryable, open: Open): Queryable {
  const client: Knex.Client = Object.assign(Object.create(db.client), {
    async acquireConnection() {
      if (open.isOver) throw new Error('The transaction has ended')
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
