import type mysql2 from 'mysql2'

/**
 * Settings of every connection, regardless of the server's defaults:
 *
 * - READ COMMITTED, as in the Ruby programs.
 * - A strict mode, so that a value that doesn't fit is an error and is never cut.
 * - Backslashes escape characters: the driver relies on that when it quotes values.
 * - Seconds to wait for locks, after which the unit of work is tried again.
 * - Seconds that the server waits for a client to read rows, since the user may page
 *   through a list (its default is 60).
 */
const SETTINGS = [
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  "SET SESSION sql_mode = CONCAT_WS(',', NULLIF(REPLACE(@@SESSION.sql_mode, 'NO_BACKSLASH_ESCAPES', ''), ''), 'STRICT_ALL_TABLES'), innodb_lock_wait_timeout = 10, lock_wait_timeout = 20, net_write_timeout = 28800",
]

/** Reads wait until the node has applied all commits of other nodes (Galera's causal reads). */
const CAUSAL_READS = 'SET SESSION wsrep_sync_wait = 1'

/**
 * Sets up a new connection.
 *
 * @returns `isCluster`: true if the server is a node of a Galera cluster.
 * @throws errors of the driver.
 */
export async function setUpSession(connection: mysql2.Connection): Promise<{ isCluster: boolean }> {
  for (const statement of SETTINGS) await run(connection, statement)
  const [row] = await run(connection, "SHOW VARIABLES LIKE 'wsrep\\_on'")
  const isCluster = row?.Value === 'ON'
  if (isCluster) await run(connection, CAUSAL_READS)
  return { isCluster }
}

function run(connection: mysql2.Connection, sql: string): Promise<{ Value?: string }[]> {
  return new Promise((resolve, reject) => {
    connection.query(sql, (error, rows) => (error ? reject(error) : resolve(rows as { Value?: string }[])))
  })
}
