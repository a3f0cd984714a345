import { TLSSocket } from 'node:tls'
import mysql2 from 'mysql2'
import { describeHost, describeMysql, type MysqlHost, type MysqlSettings } from '../../config/config.ts'
import { isOfHost, VdcError } from '../../core/errors.ts'
import { translateDriverError } from '../drivers/errors.ts'
import { type Arrivals, limitAnswers } from './answers.ts'
import type { DriverConnection } from './driver.ts'
import { isPrivateSocket, LoginRefused, loginPlugins, unsupportedPlugin } from './login.ts'
import { readTlsFiles, tlsFailure, useTls } from './tls.ts'

/** Milliseconds until a server that does not answer counts as down. */
const CONNECT_TIMEOUT = 5000
/** Milliseconds of silence after which the kernel asks whether the server's host is still there. */
const KEEP_ALIVE = 10_000

/** An open connection, and what arrives on it. */
export interface Connected {
  connection: DriverConnection
  arrivals: Arrivals
  /** The settings with the host that answered as the only one. */
  settings: MysqlSettings
}

/** Milliseconds that connecting may take, all hosts together. */
export function connectPatience({ hosts }: MysqlSettings): number {
  return 3000 + (hosts.length === 1 ? CONNECT_TIMEOUT : hosts.length * 2 * CONNECT_TIMEOUT)
}

/**
 * Connects to the first host that takes statements. The next one is tried after
 * one that refuses connections, does not answer in time or is not ready; not after
 * one that refuses the account, or whose certificate is not trusted.
 *
 * @throws VdcError of the only host; DATABASE_NOT_READY or DATABASE_UNREACHABLE
 *   with the reason of each of several.
 */
export async function connectToFirst(settings: MysqlSettings): Promise<Connected> {
  const [first, ...others] = settings.hosts
  if (others.length === 0) return connectTo(settings, first as MysqlHost)
  const failures: { host: MysqlHost; error: unknown }[] = []
  for (const host of settings.hosts) {
    try {
      const connected = await connectTo(settings, host)
      await requireReady(connected)
      return connected
    } catch (error) {
      if (!isReasonToGoOn(error)) throw asRefusal(error, { ...settings, hosts: [host] })
      failures.push({ host, error })
    }
  }
  throw noneAnswers(settings, failures)
}

async function connectTo(settings: MysqlSettings, host: MysqlHost): Promise<Connected> {
  const own = { ...settings, hosts: [host] }
  try {
    return await open(own, host)
  } catch (error) {
    if (await needsTls(own, host, error)) {
      throw new VdcError(
        'DATABASE_TLS_REQUIRED',
        `The database ${describeMysql(own)} accepts this account only over TLS`,
        {
          hint: own.tls.mode === 'DISABLED' ? WITHOUT_DISABLED : 'Add ssl-mode=REQUIRED to the database URI',
          cause: error,
        },
      )
    }
    throw asRefusal(error, own)
  }
}

/**
 * Opens a connection and logs in.
 *
 * @throws VdcError CONFIG_REFUSED about a file of the settings; else what the driver throws.
 */
async function open(settings: MysqlSettings, { host, port }: MysqlHost): Promise<Connected> {
  const { socketPath, user, password, database, tls } = settings
  const place = placeOf(settings)
  const contextOf = usesTls(settings) ? await readTlsFiles(tls) : undefined
  const connection = mysql2.createConnection({
    ...(socketPath === undefined ? { host, port } : { socketPath }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    database,
    charset: 'utf8mb4',
    connectTimeout: CONNECT_TIMEOUT,
    keepAliveInitialDelay: KEEP_ALIVE,
    dateStrings: true,
    supportBigNumbers: true,
    // No files of this host for the server, and one result for one statement.
    flags: ['-LOCAL_FILES', '-MULTI_RESULTS'],
    authPlugins: loginPlugins(settings, await isPrivateSocket(socketPath), place),
  }) as DriverConnection
  // The driver decodes the text of an update's answer by the server's own character set, which it may not know; it is
  // always ours.
  Object.defineProperty(connection, 'serverEncoding', { get: () => 'utf8', set: () => {} })
  const arrivals = limitAnswers(connection, describeMysql(settings))
  if (contextOf !== undefined)
    useTls(connection, contextOf, { tls, host: socketPath === undefined ? host : 'localhost' })
  connection.on('error', (error) => {
    connection.__knex__disposed = error
  })
  await new Promise<void>((resolve, reject) => {
    connection.connect((error) => (error ? reject(error) : resolve()))
  }).catch((error) => {
    connection.stream.destroy()
    throw Object.assign(error, { isEncrypted: connection.stream instanceof TLSSocket })
  })
  return { connection, arrivals, settings }
}

/** As for MySQL's clients, a Unix socket is encrypted only if that is asked for. */
function usesTls({ tls, socketPath }: MysqlSettings): boolean {
  return tls.mode !== 'DISABLED' && !(tls.mode === 'PREFERRED' && socketPath !== undefined)
}

/** Makes sure that a node of a cluster takes statements: one that has lost the others lets people in, and refuses each. */
async function requireReady({ connection }: Connected): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    connection.query({ sql: 'DO 0', timeout: CONNECT_TIMEOUT }, (error) => (error ? reject(error) : resolve()))
  }).catch((error) => {
    connection.stream.destroy()
    throw error
  })
}

interface DriverError extends Error {
  code?: string
  errno?: number
  sqlMessage?: string
  /** Ours: whether TLS was there when it came. */
  isEncrypted?: boolean
}

const WITHOUT_DISABLED = 'Remove ssl-mode=DISABLED from the database URI'

/** ER_UNKNOWN_COM_ERROR, by which a node of Galera says that it takes no statements. */
const NOT_READY = 1047
const ACCESS_DENIED = 1045
/** ER_SECURE_TRANSPORT_REQUIRED of MySQL, and of MariaDB. */
const TLS_REQUIRED = [3159, 4031]
/** ER_NOT_SUPPORTED_AUTH_MODE, ER_SERVER_IS_IN_SECURE_AUTH_MODE. */
const OLD_LOGIN = [1251, 1275]

function isReasonToGoOn(error: unknown): boolean {
  if (isNotReady(error)) return true
  return isOfHost(translateDriverError(error, '', { connected: false }).code)
}

function isNotReady(error: unknown): boolean {
  const thrown = error instanceof VdcError ? error.cause : error
  return (thrown as DriverError | undefined)?.errno === NOT_READY
}

/**
 * Says whether an account that was refused without TLS is let in with it: the server
 * does not tell that from a wrong password.
 */
async function needsTls(settings: MysqlSettings, host: MysqlHost, error: unknown): Promise<boolean> {
  if (usesTls(settings) || (error as DriverError).errno !== ACCESS_DENIED) return false
  return open({ ...settings, tls: { mode: 'REQUIRED' } }, host).then(
    ({ connection }) => {
      connection.destroy()
      return true
    },
    () => false,
  )
}

/** Makes a VdcError of whatever kept us from connecting. */
function asRefusal(error: unknown, settings: MysqlSettings): VdcError {
  if (error instanceof LoginRefused) return error.refusal
  const { code, errno = 0, message, cause, isEncrypted } = error as DriverError
  const [place, { tls }] = [placeOf(settings), settings]
  if (code === 'HANDSHAKE_SSL_ERROR') return tlsFailure(cause as Error, place, tls)
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT') {
    return new VdcError(
      'DATABASE_TLS_REQUIRED',
      `The server ${place} offers no TLS, and ssl-mode=${tls.mode} requires it`,
      {
        hint: 'Turn on TLS on the server (ssl_cert and ssl_key in its configuration), or use another ssl-mode',
        cause: error,
      },
    )
  }
  if (TLS_REQUIRED.includes(errno)) {
    return new VdcError('DATABASE_TLS_REQUIRED', `The server ${place} accepts only TLS connections`, {
      hint: tls.mode === 'DISABLED' ? WITHOUT_DISABLED : 'Add ssl-mode=REQUIRED to the database URI',
      cause: error,
    })
  }
  if (code === 'AUTH_SWITCH_PLUGIN_ERROR' || OLD_LOGIN.includes(errno)) {
    const plugin = /unknown plugin (.*?)\. See/s.exec(message)?.[1]
    return unsupportedPlugin(plugin || 'mysql_old_password', place, error)
  }
  const translated = translateDriverError(error, describeMysql(settings), { connected: false })
  if (errno !== ACCESS_DENIED || !isEncrypted || tls.cert !== undefined) return translated
  return new VdcError(translated.code, translated.message, {
    hint: `${translated.hint}; an account with REQUIRE X509 needs ssl-cert and ssl-key`,
    cause: error,
  })
}

function noneAnswers(settings: MysqlSettings, failures: { host: MysqlHost; error: unknown }[]): VdcError {
  const reasons = failures.map(({ host, error }) => `${describeHost(host)}: ${reasonOf(error)}`)
  return new VdcError(
    failures.some(({ error }) => isNotReady(error)) ? 'DATABASE_NOT_READY' : 'DATABASE_UNREACHABLE',
    `No host of the database ${describeMysql(settings)} takes statements: ${reasons.join('; ')}`,
    { hint: 'Check each with: vdc-manage doctor', cause: failures[0]?.error },
  )
}

function reasonOf(error: unknown): string {
  const { errno, code, message, sqlMessage, cause } = error as DriverError
  if (errno === NOT_READY) return 'not ready'
  if (error instanceof VdcError && cause !== undefined) return reasonOf(cause)
  if (code === 'ETIMEDOUT' || code === 'PROTOCOL_SEQUENCE_TIMEOUT') return 'no answer in time'
  // A host with several addresses fails with an AggregateError, whose own message is empty.
  return ((sqlMessage ?? message) || code || 'unknown error').split('\n', 1)[0] as string
}

/** The server, for messages. */
function placeOf({ socketPath, hosts }: MysqlSettings): string {
  return socketPath ?? describeHost(hosts[0] as MysqlHost)
}
