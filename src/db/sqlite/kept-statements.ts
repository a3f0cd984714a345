import type Libsql from 'libsql'

/** Statements that a connection keeps compiled. */
const MOST = 100
/** Characters of the longest statement that is kept. */
const LONGEST = 64 * 1024

const kept = new WeakMap<Libsql.Database, Map<string, Libsql.Statement>>()

/** Compiles a statement that returns integers as bigint. */
export function compile(connection: Libsql.Database, sql: string): Libsql.Statement {
  return connection.prepare(sql).safeIntegers(true)
}

/**
 * Compiles a statement and keeps it for later runs: compiling a short one takes longer than
 * running it. A kept statement holds no locks. It cannot run again while its rows are being read.
 */
export function keptStatement(connection: Libsql.Database, sql: string): Libsql.Statement {
  const statements = kept.get(connection) ?? new Map<string, Libsql.Statement>()
  kept.set(connection, statements)
  const statement = statements.get(sql) ?? compile(connection, sql)
  if (sql.length > LONGEST) return statement
  // A map keeps the order of insertion, so the first one is the least recently used.
  statements.delete(sql)
  statements.set(sql, statement)
  const [oldest] = statements.keys()
  if (statements.size > MOST && oldest !== undefined) statements.delete(oldest)
  return statement
}
