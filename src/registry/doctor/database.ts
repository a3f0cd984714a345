import { normalize } from 'node:path'
import type { ServerFacts, TableFacts } from '../../db/drivers/server-facts.ts'
import { STORAGES } from '../../db/lists/backup-storages.ts'
import { schemaStatus } from '../../db/schema/migrate.ts'
import { describeWakameSchema, lackOf, RAKE_DB_UP, WAKAME_SCHEMA } from '../../db/schema/wakame-schema.ts'
import { realFolder } from '../../disk/file/local-file.ts'
import { readImageFolders } from '../../disk/folder/image-folders.ts'
import type { Registry } from '../registry.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { failure, type Outcome, ok, warning } from './check.ts'
import { checkFolder } from './space.ts'

/** The tables that vdc-manage reads and writes. */
export const REGISTRY_TABLES = [
  'accounts',
  'images',
  'backup_objects',
  'backup_storages',
  'histories',
  'resource_labels',
  'tags',
  'tag_mappings',
]

/** Reports the SQL mode of the server. Our own connections are always strict (src/db/mysql/session.ts). */
export function checkSqlMode(sqlMode: string): Outcome {
  const modes = sqlMode === '' ? 'none' : sqlMode
  if (/STRICT_/.test(sqlMode)) return ok(modes)
  return ok(`${modes}; vdc-manage uses strict mode, but other programs may truncate long values`)
}

/** Checks whether this node of a Galera cluster accepts statements. */
export function checkCluster(cluster: ServerFacts['cluster']): Outcome {
  if (cluster === undefined) return ok('no Galera cluster')
  const { size, status, state, ready } = cluster
  const text = `Galera cluster of ${size} ${size === 1 ? 'node' : 'nodes'}, ${status}; this node is ${state}`
  if (status !== 'Primary' || !ready) {
    return failure(`${text} and accepts no statements`, 'Reconnect the nodes of the cluster, or use another node')
  }
  return state === 'Synced' ? ok(text) : warning(text, 'Wait until the node has caught up, or use another node')
}

/** Checks whether all tables support transactions. */
export function checkEngines(tables: readonly TableFacts[]): Outcome {
  const others = tables.filter(({ engine }) => engine !== 'InnoDB')
  if (others.length === 0) return ok('InnoDB')
  const list = others.map(({ table, engine }) => `${table} is ${engine}`).join(', ')
  const first = others[0]?.table
  return failure(
    `${list}, which does not support transactions`,
    `Convert each of them, for example: ALTER TABLE ${first} ENGINE = InnoDB`,
  )
}

/** Checks whether the tables can store all characters. Wakame-vdc's own tables cannot (dcmgr.md, "Tables"). */
export function checkCharsets(tables: readonly TableFacts[]): Outcome {
  const narrow = tables.filter(({ charsets }) => charsets.some((charset) => charset !== 'utf8mb4'))
  if (narrow.length === 0) return ok('utf8mb4')
  const found = [...new Set(narrow.flatMap(({ charsets }) => charsets))].filter((charset) => charset !== 'utf8mb4')
  return warning(
    `${found.join(', ')} in ${narrow.map(({ table }) => table).join(', ')}: emoji and other characters above U+FFFF are refused`,
    'Do not use these characters in names and descriptions. Do not convert the tables: Wakame-vdc needs them as they are',
  )
}

/** Checks whether the schema is complete and its version known. */
export async function checkSchema({ database }: Registry): Promise<Outcome> {
  const { migrations, wakame_schema: wakame } = await schemaStatus(database.knex)
  const pending = migrations.filter(({ state }) => state === 'pending').map(({ name }) => name)
  const alongside = wakame === null ? '' : `, alongside ${nameOfSchema(wakame)}`
  if (pending.length > 0 && database.engine === 'sqlite') return ok(`${pending.length} pending; applied on next use`)
  const isOlder = wakame !== null && wakame < WAKAME_SCHEMA
  if (pending.length > 0) {
    return failure(`pending: ${pending.join(', ')}${alongside}`, isOlder ? RAKE_DB_UP : 'Run: vdc-manage db migrate')
  }
  const lack = lackOf(wakame)
  if (lack !== undefined) return warning(lack, RAKE_DB_UP)
  if (wakame !== null && wakame > WAKAME_SCHEMA) {
    return warning(
      `up to date${alongside}, which is newer than the supported schema ${WAKAME_SCHEMA}`,
      'Find out what changed between the two before you change anything in the registry',
    )
  }
  return ok(`up to date${alongside}`)
}

function nameOfSchema(wakame: number): string {
  return wakame === WAKAME_SCHEMA ? `schema ${wakame} of Wakame-vdc` : describeWakameSchema(wakame)
}

/** Yields the canonical ID of each local storage, and a function that checks its folder. */
export async function* checkStorages({
  database,
}: Registry): AsyncGenerator<[id: string, check: () => Promise<Outcome>]> {
  const fields = ['uuid', 'storage_type', 'base_uri', 'node_id'] as const
  for await (const storages of STORAGES.stream(database, { life: 'alive' }, { order: [] }, fields)) {
    for (const { uuid, storage_type: type, base_uri: uri, node_id: agent } of storages)
      if (type === 'local') yield [canonicalId('backupStorage', uuid), () => checkStorage(uri, agent)]
  }
}

async function checkStorage(baseUri: string, agent: string | null): Promise<Outcome> {
  const path = /^file:\/\/(\/.*)$/i.exec(baseUri)?.[1]
  if (path === undefined) {
    return failure(
      `${baseUri} is not a folder on a host`,
      'Change the base URI with: vdc-manage backupstorage modify --base-uri',
    )
  }
  // A base URI without a slash at its end is a prefix of file names.
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  const hint = 'Create or mount it, or change the base URI with: vdc-manage backupstorage modify --base-uri'
  const absent = () =>
    agent === null || agent === ''
      ? failure(`Folder ${folder} does not exist`, hint)
      : warning(`Folder ${folder} does not exist on this host; agent ${agent} serves it`, hint)
  const outcome = await checkFolder(folder, { absent, hint, writable: false })
  return outcome.result === 'ok' ? checkTrust(folder, outcome) : outcome
}

/** Warns if this host neither verifies nor purges files in the folder of a storage. */
async function checkTrust(folder: string, outcome: Outcome): Promise<Outcome> {
  const real = await realFolder(normalize(folder))
  // Any name that does not begin with a dot will do.
  const why = 'real' in real ? (await readImageFolders()).whyNot(`${real.real}/disk.raw`) : undefined
  if (why === undefined) return outcome
  return warning(`${outcome.message}; image verify and image purge skip its files`, why)
}
