import type mysql2 from 'mysql2'

/**
 * What every connection is set to, whatever the server's defaults are: READ
 * COMMITTED as the Ruby programs use it; a strict mode, so that a value that
 * doesn't fit is an error and never cut, in which backslashes escape, as the
 * driver takes for granted when it quotes values; seconds to wait for locks, after
 * which the unit of work is tried again; and seconds that the server waits for the
 * reader of a list, who may be paging through it (its default is 60).
 */
const SETTINGS = [
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  "SET SESSION sql_mode = CONCAT_WS(',', NULLIF(REPLACE(@@SESSION.sql_mode, 'NO_BACKSLASH_ESCAPES', ''), ''), 'STRICT_ALL_TABLES'), innodb_lock_wait_timeout = 10, lock_wait_timeout = 20, net_write_timeout = 28800",
]

/** Has reads wait until the node has applied what was committed on any other (Galera's causal reads). */
const CAUSAL_READS = 'SET SESSION wsrep_sync_wait = 1'

/**
 * Sets up a new connection before anything runs on it.
 *
 * @returns whether the server is a node of a Galera cluster.
 * @throws what the driver throws.
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
