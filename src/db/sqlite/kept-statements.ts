import type Libsql from 'libsql'

/** Statements that a connection keeps, and characters of the longest one. */
const MOST = 100
const LONGEST = 64 * 1024

const kept = new WeakMap<Libsql.Database, Map<string, Libsql.Statement>>()

/** Compiles a statement, whose integers are bigint. */
export function compile(connection: Libsql.Database, sql: string): Libsql.Statement {
  return connection.prepare(sql).safeIntegers(true)
}

/**
 * As `compile`, of a statement that comes again: compiling a short one takes longer than
 * running it. One that is kept locks nothing; it can't run again while its rows are read.
 */
export function keptStatement(connection: Libsql.Database, sql: string): Libsql.Statement {
  const statements = kept.get(connection) ?? new Map<string, Libsql.Statement>()
  kept.set(connection, statements)
  const statement = statements.get(sql) ?? compile(connection, sql)
  if (sql.length > LONGEST) return statement
  // A map is in the order of what was put into it: the first one was not used for the longest time.
  statements.delete(sql)
  statements.set(sql, statement)
  const [oldest] = statements.keys()
  if (statements.size > MOST && oldest !== undefined) statements.delete(oldest)
  return statement
}
