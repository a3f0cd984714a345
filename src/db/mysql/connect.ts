import { TLSSocket } from 'node:tls'
import mysql2 from 'mysql2'
import { describeHost, describeMysql, type MysqlHost, type MysqlSettings } from '../../config/config.ts'
import { isOfHost, VdcError } from '../../core/errors.ts'
import { inWords, translateDriverError } from '../drivers/errors.ts'
import { type Arrivals, limitAnswers } from './answers.ts'
import type { DriverConnection } from './driver.ts'
import { isPrivateSocket, LoginRefused, loginPlugins, unsupportedPlugin } from './login.ts'
import { readTlsFiles, tlsFailure, useTls } from './tls.ts'

/** Milliseconds after which a server that does not answer is considered down. */
const CONNECT_TIMEOUT = 5000
/** Milliseconds of silence after which the kernel sends keep-alive probes. */
const KEEP_ALIVE = 10_000

/** An open connection and the tracker of its packets. */
export interface Connected {
  connection: DriverConnection
  arrivals: Arrivals
  /** The settings, with the host that answered as the only host. */
  settings: MysqlSettings
}

/** Returns the milliseconds that connecting may take, for all hosts together. */
export function connectPatience({ hosts }: MysqlSettings): number {
  return 3000 + (hosts.length === 1 ? CONNECT_TIMEOUT : hosts.length * 2 * CONNECT_TIMEOUT)
}

/**
 * Connects to the first host that accepts statements. Tries the next host if one
 * refuses connections, does not answer in time or is not ready; not if one refuses
 * the login, or its certificate is not trusted.
 *
 * @throws VdcError the failure of the only host; of several hosts, DATABASE_NOT_READY or
 *   DATABASE_UNREACHABLE with the reason for each.
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
      if (!mayTryNextHost(error)) throw asVdcError(error, { ...settings, hosts: [host] })
      failures.push({ host, error })
    }
  }
  throw allHostsFailed(settings, failures)
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
    throw asVdcError(error, own)
  }
}

/**
 * Opens a connection and logs in.
 *
 * @throws VdcError CONFIG_REFUSED if a file in the settings cannot be used; errors of the driver.
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
    // A parser of its own for each answer is compiled only where that pays (`_query`, `writeBatches`).
    disableEval: true,
    // Send the server no local files, and accept one result per statement.
    flags: ['-LOCAL_FILES', '-MULTI_RESULTS'],
    authPlugins: loginPlugins(settings, await isPrivateSocket(socketPath), place),
  }) as DriverConnection
  // The driver decodes texts in answers to updates with the server's character set, which it may not know, but
  // they are always in the connection's character set.
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

/** Returns true if the connection may use TLS. As in MySQL's clients, a Unix socket uses it only on request. */
function usesTls({ tls, socketPath }: MysqlSettings): boolean {
  return tls.mode !== 'DISABLED' && !(tls.mode === 'PREFERRED' && socketPath !== undefined)
}

/** Checks that the server accepts statements: a cluster node that has lost the others accepts logins only. */
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
  /** Set by `open`: true if the connection used TLS when the error occurred. */
  isEncrypted?: boolean
}

const WITHOUT_DISABLED = 'Remove ssl-mode=DISABLED from the database URI'

/** ER_UNKNOWN_COM_ERROR: a Galera node that does not accept statements. */
const NOT_READY = 1047
const ACCESS_DENIED = 1045
/** ER_SECURE_TRANSPORT_REQUIRED of MySQL and of MariaDB. */
const TLS_REQUIRED = [3159, 4031]
/** ER_NOT_SUPPORTED_AUTH_MODE and ER_SERVER_IS_IN_SECURE_AUTH_MODE. */
const OLD_LOGIN = [1251, 1275]

function mayTryNextHost(error: unknown): boolean {
  if (isNotReady(error)) return true
  return isOfHost(translateDriverError(error, '', { connected: false }).code)
}

function isNotReady(error: unknown): boolean {
  const thrown = error instanceof VdcError ? error.cause : error
  return (thrown as DriverError | undefined)?.errno === NOT_READY
}

/**
 * Returns true if a login that was refused without TLS succeeds with it. The server's
 * error is the same as for a wrong password.
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

/** Turns any error while connecting into a VdcError. */
function asVdcError(error: unknown, settings: MysqlSettings): VdcError {
  if (error instanceof LoginRefused) return error.refusal
  const { code, errno = 0, message, cause, isEncrypted } = error as DriverError
  const place = placeOf(settings)
  const { tls } = settings
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

function allHostsFailed(settings: MysqlSettings, failures: { host: MysqlHost; error: unknown }[]): VdcError {
  const reasons = failures.map(({ host, error }) => `${describeHost(host)}: ${reasonOf(error)}`)
  return new VdcError(
    failures.some(({ error }) => isNotReady(error)) ? 'DATABASE_NOT_READY' : 'DATABASE_UNREACHABLE',
    `No host of the database ${describeMysql(settings)} accepts statements: ${reasons.join('; ')}`,
    { hint: 'Check each host with: vdc-manage doctor', cause: failures[0]?.error },
  )
}

function reasonOf(error: unknown): string {
  const { errno, code, sqlMessage, cause } = error as DriverError
  if (errno === NOT_READY) return 'not ready'
  if (error instanceof VdcError && cause !== undefined) return reasonOf(cause)
  if (code === 'ETIMEDOUT' || code === 'PROTOCOL_SEQUENCE_TIMEOUT') return 'no answer in time'
  return ((sqlMessage ?? inWords(error as DriverError)) || code || 'unknown error').split('\n', 1)[0] as string
}

/** Returns the server's socket or host, for messages. */
function placeOf({ socketPath, hosts }: MysqlSettings): string {
  return socketPath ?? describeHost(hosts[0] as MysqlHost)
}
