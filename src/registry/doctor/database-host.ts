import type { DatabaseSettings, MysqlSettings } from '../../config/config.ts'
import { monotonicTime } from '../../core/clock.ts'
import { isOfHost, VdcError } from '../../core/errors.ts'
import type { Interruption } from '../../core/interruption.ts'
import { type ServerFacts, serverFacts } from '../../db/drivers/server-facts.ts'
import { openRegistryToRead } from '../open.ts'
import { type Outcome, ok, warning } from './check.ts'
import { checkCluster } from './database.ts'

/**
 * Returns the version of a server, its response time and its TLS version, for messages.
 *
 * @param started `monotonicTime()` at the start of the connection.
 */
export function describeAnswer(settings: DatabaseSettings, { version, tls }: ServerFacts, started: number): string {
  const text = `${version} answers in ${Math.round(monotonicTime() - started)} ms`
  if (settings.engine === 'sqlite' || settings.socketPath !== undefined) return text
  return `${text}, ${tls === undefined ? 'without TLS' : `over ${tls}`}`
}

/**
 * Checks one of several database hosts. Warns if connections would skip this host.
 *
 * @param settings with this host as the only one.
 * @throws VdcError for an error that does not make a connection try the next host, such as a refused user.
 */
export async function checkHost(settings: MysqlSettings, interruption: Interruption): Promise<Outcome> {
  const started = monotonicTime()
  const registry = await openRegistryToRead(settings, { patience: 0, interruption })
  try {
    // Only undefined for a missing SQLite file.
    const facts = await serverFacts((registry as NonNullable<typeof registry>).database)
    const text = describeAnswer(settings, facts, started)
    if (facts.cluster === undefined) return ok(text)
    const cluster = checkCluster(facts.cluster)
    const message = `${text}; ${cluster.message}`
    return cluster.result === 'ok' ? ok(message) : warning(message, cluster.hint as string)
  } catch (error) {
    if (!(error instanceof VdcError) || !isOfHost(error.code)) throw error
    return warning(error.message, 'Check the server on this host. The other hosts are used until it is back')
  } finally {
    void registry?.close().catch(() => {})
  }
}
