import { newMariadb, type TestDatabase } from './databases.ts'

/*
 * A database as Wakame-vdc 16.1 creates it, according to dcmgr.md, without our migrations.
 */

/** The tables that dcmgr.md describes, with columns in the same order. The server names the indexes. */
const DESCRIBED: Readonly<Record<string, string>> = {
  accounts: `
    uuid varchar(255) NOT NULL, description varchar(255), enabled int NOT NULL DEFAULT 1,
    created_at datetime NOT NULL, updated_at datetime NOT NULL, deleted_at datetime, purged_at datetime,
    UNIQUE (uuid), INDEX (deleted_at)`,
  images: `
    account_id varchar(255) NOT NULL, uuid varchar(255) NOT NULL,
    created_at datetime NOT NULL, updated_at datetime NOT NULL,
    boot_dev_type int NOT NULL DEFAULT 1, arch varchar(255) NOT NULL, description text,
    is_public tinyint(1) NOT NULL DEFAULT 0, state varchar(255) NOT NULL DEFAULT 'init', features text,
    file_format varchar(255) NOT NULL, root_device varchar(255), is_cacheable tinyint(1) NOT NULL DEFAULT 0,
    instance_model_name varchar(255) NOT NULL, parent_image_id varchar(255), service_type varchar(255) NOT NULL,
    display_name varchar(255) NOT NULL, backup_object_id varchar(255), deleted_at datetime,
    volumes text NOT NULL, vifs text NOT NULL, os_type varchar(255) NOT NULL DEFAULT 'linux',
    UNIQUE (uuid), INDEX (account_id), INDEX (is_public)`,
  backup_objects: `
    account_id varchar(255) NOT NULL, uuid varchar(255) NOT NULL, display_name varchar(255) NOT NULL,
    service_type varchar(255) NOT NULL, backup_storage_id int NOT NULL, size bigint NOT NULL,
    allocation_size bigint NOT NULL, container_format varchar(255) NOT NULL, status int NOT NULL DEFAULT 0,
    state varchar(255) NOT NULL DEFAULT 'initialized', object_key varchar(255) NOT NULL,
    checksum varchar(255) NOT NULL, description text, progress double NOT NULL DEFAULT 0, deleted_at datetime,
    created_at datetime NOT NULL, updated_at datetime NOT NULL, purged_at datetime,
    source_volume_id varchar(255) NOT NULL,
    UNIQUE (uuid), INDEX (account_id), INDEX (deleted_at), INDEX (backup_storage_id)`,
  backup_storages: `
    uuid varchar(255) NOT NULL, display_name varchar(255) NOT NULL, storage_type varchar(255) NOT NULL,
    description text, base_uri varchar(255) NOT NULL, deleted_at datetime,
    created_at datetime NOT NULL, updated_at datetime NOT NULL, node_id varchar(255)`,
  histories: `
    uuid varchar(255) NOT NULL, attr varchar(255) NOT NULL, vchar_value varchar(255), blob_value text,
    created_at datetime NOT NULL,
    INDEX (uuid, attr), INDEX (uuid, created_at)`,
  resource_labels: `
    resource_uuid varchar(255), name varchar(255) NOT NULL, value_type int NOT NULL, string_value varchar(255),
    blob_value text, created_at datetime NOT NULL, updated_at datetime NOT NULL,
    UNIQUE (resource_uuid, name)`,
  tags: `
    account_id varchar(255) NOT NULL, uuid varchar(255) NOT NULL, type_id int NOT NULL, name varchar(255) NOT NULL,
    attributes varchar(255), created_at datetime NOT NULL, updated_at datetime NOT NULL,
    UNIQUE (uuid), UNIQUE (account_id, type_id, name), INDEX (account_id)`,
  tag_mappings: `
    tag_id int NOT NULL, uuid varchar(255) NOT NULL, sort_index int NOT NULL DEFAULT 0,
    INDEX (tag_id), INDEX (uuid)`,
}

/** The tables that the registry reads and writes, sorted by name. */
export const REGISTRY_TABLES: readonly string[] = Object.keys(DESCRIBED).sort()

/** The number of tables of an installation, without `schema_info`. */
const TABLES = 51
const STAND_INS = Array.from({ length: TABLES - REGISTRY_TABLES.length }, (_, index) => `other_${index + 1}`)

/** A time long before any test. */
export const LONG_AGO = '2015-03-04 05:06:07'

/** A row as the driver returns it, with times as text. */
export type Row = Record<string, string | number | null>

/** Columns that later schemas added, with the version of each. */
const LATER: readonly [version: number, table: string, column: string][] = [
  [15, 'images', 'volumes'],
  [15, 'images', 'vifs'],
  [15, 'backup_objects', 'source_volume_id'],
  [20, 'images', 'os_type'],
]

/** Changes a database of Wakame-vdc to an older schema (7 or later). Drops later columns and keeps rows. */
export async function takeBack(database: TestDatabase, version: number): Promise<void> {
  for (const [since, table, column] of LATER) {
    if (version < since) await database.query(`ALTER TABLE ${table} DROP COLUMN ${column}`)
  }
  if (version < 8) await database.query('DROP TABLE resource_labels')
  await database.query(`UPDATE schema_info SET version = ${version}`)
}

/** Creates a database as after an installation of Wakame-vdc 16.1. */
export async function newWakame(port: number): Promise<TestDatabase> {
  const database = await newMariadb(port, 'utf8')
  const create = (table: string, columns: string) =>
    `CREATE TABLE ${table} (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, ${columns}) ENGINE=InnoDB CHARACTER SET utf8`
  const statements = [
    ...Object.entries(DESCRIBED).map(([table, columns]) => create(table, columns)),
    ...STAND_INS.flatMap((table) => [
      create(table, 'uuid varchar(255) NOT NULL, state varchar(255), updated_at datetime NOT NULL, UNIQUE (uuid)'),
      `INSERT INTO ${table} (uuid, state, updated_at) VALUES ('lucid', 'running', '${LONG_AGO}'), ('shpoolxx', NULL, '${LONG_AGO}')`,
    ]),
    'CREATE TABLE schema_info (version int) ENGINE=InnoDB CHARACTER SET utf8',
    'INSERT INTO schema_info VALUES (23)',
  ]
  await database.query(statements.join('; '))
  await insertSystemAccounts(database)
  return database
}

/** Resets the registry: deletes all rows but the system accounts, and restarts integer IDs at 1. */
export async function beginAnew(database: TestDatabase): Promise<void> {
  for (const table of REGISTRY_TABLES) {
    await database.query(database.engine === 'mariadb' ? `TRUNCATE ${table}` : `DELETE FROM ${table}`)
  }
  if (database.engine === 'sqlite') await database.query('DELETE FROM sqlite_sequence')
  await insertSystemAccounts(database)
}

/** Seeds `accounts` as Wakame-vdc does. */
async function insertSystemAccounts(database: TestDatabase): Promise<void> {
  for (const [id, uuid, description] of [
    [100, '00000000', 'datacenter system account'],
    [101, 'shpoolxx', 'system account for shared resources'],
  ] as const) {
    await insert(database, 'accounts', { id, uuid, description })
  }
}

/** The default values of inserted rows, as the Ruby programs write them. */
const USUAL: Readonly<Record<string, Row>> = {
  accounts: { enabled: 1 },
  images: {
    account_id: 'a-shpoolxx',
    boot_dev_type: 2,
    arch: 'x86_64',
    state: 'available',
    features: '--- {}\n',
    file_format: 'raw',
    instance_model_name: '',
    service_type: 'std',
    display_name: 'image',
    volumes: '--- []\n',
    vifs: '--- []\n',
  },
  backup_objects: {
    account_id: 'a-shpoolxx',
    display_name: 'object',
    service_type: 'std',
    backup_storage_id: 1,
    size: 1048576,
    allocation_size: 524288,
    container_format: 'gz',
    state: 'available',
    object_key: 'object.raw.gz',
    checksum: '0123456789abcdef0123456789abcdef',
    progress: 100,
    source_volume_id: '',
  },
  backup_storages: { display_name: 'storage', storage_type: 'local', base_uri: 'file:///var/lib/wakame-vdc/images/' },
  histories: {},
  resource_labels: { value_type: 1 },
  tags: { account_id: 'a-shpoolxx', type_id: 11 },
  tag_mappings: {},
}

/** Inserts a row directly into the database, like one that the Ruby programs wrote long ago. */
export async function insert(database: TestDatabase, table: string, given: Row): Promise<void> {
  const times =
    table === 'tag_mappings'
      ? {}
      : table === 'histories'
        ? { created_at: LONG_AGO }
        : { created_at: LONG_AGO, updated_at: LONG_AGO }
  const row: Row = { ...times, ...USUAL[table], ...given }
  const columns = Object.keys(row)
  await database.query(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    Object.values(row),
  )
}

/** The contents of a database: the rows of the registry's tables, and everything that no command may change. */
export interface Contents {
  rows: Record<string, Row[]>
  /** The definitions of all tables, and the contents of other tables. */
  untouchable: { schema: Record<string, string>; others: unknown }
}

/** Reads the contents of a database. */
export async function contentsOf(database: TestDatabase): Promise<Contents> {
  const rows: Contents['rows'] = {}
  for (const table of REGISTRY_TABLES) rows[table] = await database.query(`SELECT * FROM ${table} ORDER BY id`)
  return { rows, untouchable: database.engine === 'mariadb' ? await ofMariadb(database) : await ofSqlite(database) }
}

async function ofMariadb(database: TestDatabase): Promise<Contents['untouchable']> {
  const tables = (await database.query('SHOW TABLES')).map((row) => String(Object.values(row)[0]))
  const shown = tables.map((table) => `SHOW CREATE TABLE ${table}`).join('; ')
  const created = (await database.query(shown)) as unknown as Row[][]
  const schema = created.map(([row], index): [string, string] => {
    const [table, sql] = [tables[index] as string, String(row?.['Create Table'])]
    // The next integer ID may change in tables to which commands add rows.
    return [table, REGISTRY_TABLES.includes(table) ? sql.replace(/ AUTO_INCREMENT=\d+/, '') : sql]
  })
  const others = tables.filter((table) => !REGISTRY_TABLES.includes(table))
  return {
    schema: Object.fromEntries(schema),
    others: others.length === 0 ? [] : await database.query(`CHECKSUM TABLE ${others.join(', ')} EXTENDED`),
  }
}

async function ofSqlite(database: TestDatabase): Promise<Contents['untouchable']> {
  const made = await database.query('SELECT name, type, sql FROM sqlite_master ORDER BY name')
  const others: Record<string, Row[]> = {}
  for (const { name, type } of made) {
    const table = String(name)
    if (type !== 'table' || REGISTRY_TABLES.includes(table) || table === 'sqlite_sequence') continue
    others[table] = await database.query(`SELECT * FROM ${table}`)
  }
  return { schema: Object.fromEntries(made.map(({ name, sql }) => [String(name), String(sql)])), others }
}
