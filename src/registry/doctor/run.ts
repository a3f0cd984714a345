import type * as z from 'zod/mini'
import { type DatabaseSettings, describeHost, loadDatabaseSettings, type MysqlHost } from '../../config/config.ts'
import { monotonicTime } from '../../core/clock.ts'
import { asVdcError } from '../../core/errors.ts'
import type { Interruption } from '../../core/interruption.ts'
import { serverFacts, tableFacts } from '../../db/drivers/server-facts.ts'
import { tryKvm } from '../../guest/appliance/empty-run.ts'
import { openRegistryToRead } from '../open.ts'
import type { Registry } from '../registry.ts'
import type { examination } from '../results/examination.ts'
import { type Check, failure, type Outcome, ok } from './check.ts'
import { checkIntegrity, checkSqliteFile, describeConfiguration } from './configuration.ts'
import {
  checkCharsets,
  checkCluster,
  checkEngines,
  checkSchema,
  checkSqlMode,
  checkStorages,
  REGISTRY_TABLES,
} from './database.ts'
import { checkHost, describeAnswer } from './database-host.ts'
import { checkBuilding, checkEmptyRun, checkKvm, checkLibguestfs, checkQemu } from './guests.ts'
import { checkNode, checkQemuImg, checkUnpacking } from './host.ts'
import { withTimeout } from './with-timeout.ts'

export type { Check } from './check.ts'

/** Milliseconds to wait for another process's lock on an SQLite file. The wait blocks this process. */
const LOCK_TIMEOUT = 2000

/** Hints for failures without one of their own, by the name of the check. */
const HINTS: Readonly<Record<string, string>> = {
  database: 'Check that VDC_MANAGE_DATABASE_URI or dcmgr.conf names a vdc-manage database',
  'qemu-img': 'Check that it runs: qemu-img --version',
}
/** Hint for a failure of any other check, all of which use the database. */
const DATABASE_HINT = 'Check the database server and the privileges of the user'

/** The results of all checks. */
export type Examination = z.output<typeof examination>

/** The environment in which the program runs. */
export interface Surroundings {
  env: NodeJS.ProcessEnv
  nodeVersion: string
  /** Whether virtual machines are started, which takes up to a minute. */
  deep: boolean
}

/**
 * Checks whether everything that the program needs is in place. A failed check does
 * not stop the others. Nothing is created, migrated or written.
 *
 * @param onCheck called after each check.
 * @throws VdcError INTERRUPTED or TERMINATED if the user or the system ends it.
 */
export async function examine(
  surroundings: Surroundings,
  interruption: Interruption,
  onCheck: (check: Check) => Promise<unknown>,
): Promise<Examination> {
  const checks: Check[] = []
  const check: CheckNamed = async (name, look, limit = withTimeout) => {
    const outcome = await limit(interruption, async () => look()).catch((error) => asFailure(error, name))
    checks.push({ name, ...outcome })
    await onCheck({ name, ...outcome })
    return outcome.result !== 'failure'
  }
  const { env, nodeVersion, deep } = surroundings
  await check('node', () => checkNode(nodeVersion))
  let settings: DatabaseSettings | undefined
  await check('configuration', () => {
    settings = loadDatabaseSettings(env)
    return describeConfiguration(settings, env)
  })
  if (settings !== undefined) await examineDatabase(settings, interruption, check)
  await check('qemu-img', () => checkQemuImg(env.PATH ?? '', interruption))
  await check('unpacking', () => checkUnpacking(env))
  await examineGuests(env, deep, interruption, check)
  return { ok: checks.every(({ result }) => result !== 'failure'), checks }
}

/** Runs a check and reports it. Returns false if it fails. `limit` ends it if it takes too long; by default, ten seconds. */
type CheckNamed = (
  name: string,
  look: () => Outcome | Promise<Outcome>,
  limit?: (interruption: Interruption, work: () => Promise<Outcome>) => Promise<Outcome>,
) => Promise<boolean>

async function examineDatabase(all: DatabaseSettings, interruption: Interruption, check: CheckNamed) {
  const settings = await examineHosts(all, interruption, check)
  let registry: Registry | undefined
  let facts: Awaited<ReturnType<typeof serverFacts>> | undefined
  try {
    await check('database', async () => {
      const started = monotonicTime()
      registry = await openRegistryToRead(settings, { patience: LOCK_TIMEOUT, interruption })
      if (registry === undefined) return ok('none yet; created on first use')
      facts = await serverFacts(registry.database)
      const text = describeAnswer(settings, facts, started)
      return settings.engine === 'sqlite' ? checkSqliteFile(settings.path, text) : ok(text)
    })
    if (registry === undefined || facts === undefined) return
    const { sqlMode, cluster } = facts
    const opened = registry
    const hasSchema = await check('schema', () => checkSchema(opened))
    if (settings.engine === 'sqlite') await check('integrity', () => checkIntegrity(settings.path, interruption))
    if (sqlMode !== undefined) {
      let charsets: Outcome | undefined
      await check('engine', async () => {
        const tables = await tableFacts(opened.database, REGISTRY_TABLES)
        charsets = checkCharsets(tables)
        return checkEngines(tables)
      })
      if (charsets !== undefined) await check('character_set', () => charsets as Outcome)
      await check('sql_mode', () => checkSqlMode(sqlMode))
      await check('cluster', () => checkCluster(cluster))
    }
    if (hasSchema) await examineStorages(opened, check)
  } finally {
    // Do not wait for a server that hangs.
    void registry?.close().catch(() => {})
  }
}

/**
 * Checks each host if there are several. A host that is down is only a warning, as connections use the next one.
 *
 * @returns the settings with the hosts that answer, or with all hosts if none does.
 */
async function examineHosts(
  settings: DatabaseSettings,
  interruption: Interruption,
  check: CheckNamed,
): Promise<DatabaseSettings> {
  if (settings.engine === 'sqlite' || settings.hosts.length === 1) return settings
  const answering: MysqlHost[] = []
  for (const host of settings.hosts) {
    await check(describeHost(host), async () => {
      const outcome = await checkHost({ ...settings, hosts: [host] }, interruption)
      if (outcome.result === 'ok') answering.push(host)
      return outcome
    })
  }
  return answering.length === 0 ? settings : { ...settings, hosts: answering }
}

async function examineGuests(env: NodeJS.ProcessEnv, deep: boolean, interruption: Interruption, check: CheckNamed) {
  await check('qemu', () => checkQemu(env, interruption))
  await check('building', () => checkBuilding(env, interruption))
  let canRun = false
  await check('libguestfs', async () => {
    const outcome = await checkLibguestfs(env, interruption)
    canRun = outcome.result === 'ok'
    return outcome
  })
  if (!canRun) return
  const kvm = deep && (await tryKvm(interruption))
  await check('kvm', () => checkKvm(deep ? kvm : undefined))
  // It limits itself, and must clean up.
  if (deep)
    await check(
      'empty_run',
      () => checkEmptyRun(kvm, interruption),
      (_, work) => work(),
    )
}

async function examineStorages(registry: Registry, check: CheckNamed): Promise<void> {
  try {
    for await (const [id, look] of checkStorages(registry)) await check(id, look)
  } catch (error) {
    await check('storages', () => asFailure(error, 'storages'))
  }
}

function asFailure(thrown: unknown, name: string): Outcome {
  const { code, message, hint } = asVdcError(thrown)
  if (code === 'INTERRUPTED' || code === 'TERMINATED') throw thrown
  return failure(message, hint ?? HINTS[name] ?? DATABASE_HINT)
}
