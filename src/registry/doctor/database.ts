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

/** The tables that are read and written. */
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

/** Says what the SQL mode of the server means. Connections of ours are always strict (src/db/mysql/session.ts). */
export function checkSqlMode(sqlMode: string): Outcome {
  const modes = sqlMode === '' ? 'none' : sqlMode
  return ok(`${modes}${/STRICT_/.test(sqlMode) ? '' : '; ours is strict, other programs cut what is too long'}`)
}

/** Says whether a Galera cluster takes what is written. */
export function checkCluster(cluster: ServerFacts['cluster']): Outcome {
  if (cluster === undefined) return ok('no Galera cluster')
  const { size, status, state, ready } = cluster
  const text = `Galera cluster of ${size} ${size === 1 ? 'node' : 'nodes'}, ${status}; this node is ${state}`
  if (status !== 'Primary' || !ready) {
    return failure(`${text}, and takes no statements`, 'Bring the nodes together again, or name another node')
  }
  return state === 'Synced' ? ok(text) : warning(text, 'Wait until it has caught up, or name another node')
}

/** Says whether the tables know transactions. */
export function checkEngines(tables: readonly TableFacts[]): Outcome {
  const others = tables.filter(({ engine }) => engine !== 'InnoDB')
  if (others.length === 0) return ok('InnoDB')
  const list = others.map(({ table, engine }) => `${table} is ${engine}`).join(', ')
  const first = others[0]?.table
  return failure(`${list}, which knows no transactions`, `Convert them, such as: ALTER TABLE ${first} ENGINE = InnoDB`)
}

/** Says whether the tables hold all characters: Wakame-vdc's own do not (dcmgr.md, "Tables"). */
export function checkCharsets(tables: readonly TableFacts[]): Outcome {
  const narrow = tables.filter(({ charsets }) => charsets.some((charset) => charset !== 'utf8mb4'))
  if (narrow.length === 0) return ok('utf8mb4')
  const found = [...new Set(narrow.flatMap(({ charsets }) => charsets))].filter((charset) => charset !== 'utf8mb4')
  return warning(
    `${found.join(', ')} in ${narrow.map(({ table }) => table).join(', ')}: emoji and other characters beyond U+FFFF are refused`,
    'Leave them out of names and descriptions; Wakame-vdc wants its tables as they are',
  )
}

/** Says what of the schema is missing. */
export async function checkSchema({ database }: Registry): Promise<Outcome> {
  const { migrations, wakame_schema: wakame } = await schemaStatus(database.knex)
  const pending = migrations.filter(({ state }) => state === 'pending').map(({ name }) => name)
  const beside =
    wakame === null
      ? ''
      : `, beside ${wakame === WAKAME_SCHEMA ? `schema ${wakame} of Wakame-vdc` : describeWakameSchema(wakame)}`
  if (pending.length > 0 && database.engine === 'sqlite') return ok(`${pending.length} pending; done on the next use`)
  const isOlder = wakame !== null && wakame < WAKAME_SCHEMA
  if (pending.length > 0) {
    return failure(`pending: ${pending.join(', ')}${beside}`, isOlder ? RAKE_DB_UP : 'Run: vdc-manage db migrate')
  }
  const lack = lackOf(wakame)
  if (lack !== undefined) return warning(lack, RAKE_DB_UP)
  if (wakame !== null && wakame > WAKAME_SCHEMA) {
    return warning(
      `up to date${beside}, which is not the ${WAKAME_SCHEMA} that is known`,
      'Look into what changed between these before anything is written',
    )
  }
  return ok(`up to date${beside}`)
}

/** Looks at the folders of the local storages, one after the other; the names are the storages' ids. */
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
      `${baseUri} is no folder of a host`,
      'Give it another with vdc-manage backupstorage modify --base-uri',
    )
  }
  // A base URI without a slash at its end is the beginning of names.
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  const hint = 'Make or mount it, or give the storage another folder with vdc-manage backupstorage modify --base-uri'
  const absent = () =>
    agent === null || agent === ''
      ? failure(`There is no folder ${folder}`, hint)
      : warning(`There is no folder ${folder} on this host; the agent ${agent} serves it`, hint)
  const outcome = await checkFolder(folder, { absent, hint, writable: false })
  return outcome.result === 'ok' ? checkTrust(folder, outcome) : outcome
}

/** Warns if files in a storage's folder are neither verified nor purged on this host. */
async function checkTrust(folder: string, outcome: Outcome): Promise<Outcome> {
  const real = await realFolder(normalize(folder))
  // Any name that does not begin with a dot.
  const why = 'real' in real ? (await readImageFolders()).whyNot(`${real.real}/disk.raw`) : undefined
  if (why === undefined) return outcome
  return warning(`${outcome.message}; image verify and image purge leave its files alone`, why)
}
