import type { Database } from '../database.ts'

/** Facts about a database server; on SQLite only the version is defined. */
export interface ServerFacts {
  /** For example `MariaDB 10.11.6` or `SQLite 3.45.1`. */
  version: string
  /** The server's default, for connections that don't set their own mode as ours do. */
  sqlMode: string | undefined
  /** The TLS version of this connection, for example `TLSv1.3`; undefined if it is not encrypted. */
  tls: string | undefined
  /** Undefined if the server is not a node of a Galera cluster. */
  cluster: { size: number; status: string; state: string; ready: boolean } | undefined
}

/** Reads facts about the server. Writes nothing. */
export async function serverFacts({ knex, engine }: Database): Promise<ServerFacts> {
  if (engine === 'sqlite') {
    const [row] = await knex.raw('SELECT sqlite_version() AS version')
    return { version: `SQLite ${row.version}`, sqlMode: undefined, tls: undefined, cluster: undefined }
  }
  const [[row]] = await knex.raw('SELECT VERSION() AS version, @@GLOBAL.sql_mode AS sql_mode')
  const number = /^[0-9.]+/.exec(row.version)?.[0] ?? row.version
  const product = /mariadb/i.test(row.version) ? 'MariaDB' : 'MySQL'
  const tls = await namedValues(knex.raw("SHOW SESSION STATUS LIKE 'Ssl\\_version'"))
  const on = await namedValues(knex.raw("SHOW GLOBAL VARIABLES LIKE 'wsrep\\_on'"))
  const status =
    on.get('wsrep_on') === 'ON' ? await namedValues(knex.raw("SHOW GLOBAL STATUS LIKE 'wsrep\\_%'")) : undefined
  return {
    version: `${product} ${number}`,
    sqlMode: row.sql_mode,
    tls: tls.get('ssl_version') || undefined,
    cluster: status && {
      size: Number(status.get('wsrep_cluster_size')),
      status: status.get('wsrep_cluster_status') ?? 'unknown',
      state: status.get('wsrep_local_state_comment') ?? 'unknown',
      // A node with wsrep_reject_queries reports that it is ready, and still answers a SELECT without a table.
      ready: status.get('wsrep_ready') === 'ON' && (await succeeds(knex.raw('DO 0'))),
    },
  }
}

function succeeds(query: Promise<unknown>): Promise<boolean> {
  return query.then(
    () => true,
    () => false,
  )
}

async function namedValues(query: Promise<unknown>): Promise<Map<string, string>> {
  const [rows] = (await query) as [{ Variable_name: string; Value: string }[]]
  return new Map(rows.map(({ Variable_name: name, Value: value }) => [name.toLowerCase(), value]))
}

/** A table of the registry, its storage engine, and the character sets of its text columns. */
export interface TableFacts {
  table: string
  engine: string
  charsets: string[]
}

/** Returns facts about those of the tables that exist; empty on SQLite, where all tables are stored alike. */
export async function tableFacts({ knex, engine }: Database, tables: readonly string[]): Promise<TableFacts[]> {
  if (engine === 'sqlite') return []
  const rows: { table: string; engine: string; charset: string | null }[] = await knex('information_schema.tables as t')
    .leftJoin('information_schema.columns as c', (on) =>
      on.on('c.table_schema', 't.table_schema').andOn('c.table_name', 't.table_name'),
    )
    .whereRaw('t.table_schema = DATABASE()')
    .whereIn('t.table_name', tables)
    .distinct(
      knex.raw('t.table_name as ??', ['table']),
      knex.raw('t.engine as ??', ['engine']),
      knex.raw('c.character_set_name as ??', ['charset']),
    )
  return tables.flatMap((table) => {
    const own = rows.filter((row) => row.table.toLowerCase() === table)
    const charsets = own.flatMap(({ charset }) => (charset === null ? [] : [charset.toLowerCase()]))
    return own[0] === undefined ? [] : [{ table, engine: own[0].engine, charsets: charsets.sort() }]
  })
}
