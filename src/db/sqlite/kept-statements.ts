import type Libsql from 'libsql'

/** Statements that a connection keeps, and characters of the longest one. */
const MOST = 64
const LONGEST = 64 * 1024

/**
 * Has a connection keep the statements that it prepares: preparing a short one takes
 * longer than running it, and one that inserts many rows as long.
 */
export function keepStatements(connection: Libsql.Database): void {
  const prepare = connection.prepare.bind(connection)
  const kept = new Map<string, Libsql.Statement>()
  connection.prepare = ((sql: string) => {
    const statement = kept.get(sql) ?? prepare(sql)
    if (sql.length > LONGEST) return statement
    // A map is in the order of what was put into it: the first one was not used for the longest time.
    kept.delete(sql)
    kept.set(sql, statement)
    const [oldest] = kept.keys()
    if (kept.size > MOST && oldest !== undefined) kept.delete(oldest)
    return statement
  }) as typeof connection.prepare
}
