import type { DatabaseSettings, MysqlSettings } from '../../config/config.ts'
import { monotonicTime } from '../../core/clock.ts'
import { isOfHost, VdcError } from '../../core/errors.ts'
import type { Interruption } from '../../core/interruption.ts'
import { type ServerFacts, serverFacts } from '../../db/drivers/server-facts.ts'
import { openRegistryToRead } from '../open.ts'
import { type Outcome, ok, warning } from './check.ts'
import { checkCluster } from './database.ts'

/** Says how a server answers, since `started` by `monotonicTime()`. */
export function describeAnswer(settings: DatabaseSettings, { version, tls }: ServerFacts, started: number): string {
  const text = `${version} answers in ${Math.round(monotonicTime() - started)} ms`
  if (settings.engine === 'sqlite' || settings.socketPath !== undefined) return text
  return `${text}, ${tls === undefined ? 'without TLS' : `over ${tls}`}`
}

/**
 * Says whether one of several hosts would be used.
 *
 * @param settings with this host as the only one.
 * @throws VdcError what is no reason to try the next host, such as a refused account.
 */
export async function checkHost(settings: MysqlSettings, interruption: Interruption): Promise<Outcome> {
  const started = monotonicTime()
  const registry = await openRegistryToRead(settings, { patience: 0, interruption })
  try {
    // MySQL is there, or it throws.
    const facts = await serverFacts((registry as NonNullable<typeof registry>).database)
    const text = describeAnswer(settings, facts, started)
    if (facts.cluster === undefined) return ok(text)
    const cluster = checkCluster(facts.cluster)
    const message = `${text}; ${cluster.message}`
    return cluster.result === 'ok' ? ok(message) : warning(message, cluster.hint as string)
  } catch (error) {
    if (!(error instanceof VdcError) || !isOfHost(error.code)) throw error
    return warning(error.message, 'The other hosts are used meanwhile; check the server on this one')
  } finally {
    void registry?.close().catch(() => {})
  }
}
