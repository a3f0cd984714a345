import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { findDataFolder } from './data-folder.ts'
import { DCMGR_CONF, mayExist, readDatabaseUri, readServiceTypes, type ServiceTypes } from './dcmgr-conf.ts'
import { VdcError } from './errors.ts'

const MYSQL_SOCKETS = ['/run/mysqld/mysqld.sock', '/var/lib/mysql/mysql.sock', '/tmp/mysql.sock']

const ESCAPING = 'special characters in user, password and database must be %-escaped'

/** A MySQL or MariaDB database and how to reach it: by `socketPath` where there is one, else by host and port. */
export interface MysqlSettings {
  engine: 'mysql'
  host: string
  port: number
  socketPath?: string | undefined
  user?: string | undefined
  password?: string | undefined
  database: string
}

/** An SQLite database file. */
export interface SqliteSettings {
  engine: 'sqlite'
  path: string
  /** Marks the default one, which nobody named. */
  embedded: boolean
  /** Why the embedded one is not in the folder that the environment names, if it is not. */
  ignored?: string | undefined
}

/** The database of the registry, parsed and validated. */
export type DatabaseSettings = MysqlSettings | SqliteSettings

const environment = z.object({
  VDC_MANAGE_DATABASE_URI: z.optional(z.string().check(z.trim())),
  CONF_PATH: z.optional(z.string()),
})

const mysqlParts = z.object({
  host: z.string().check(z.minLength(1)),
  port: z.number().check(z.gte(1), z.lte(65535)),
  database: z.string().check(z.regex(/^[^/\0]{1,64}$/)),
})

/**
 * Finds the database's settings: `VDC_MANAGE_DATABASE_URI`, else the
 * `database_uri` of the file that `CONF_PATH` names or of
 * /etc/wakame-vdc/dcmgr.conf, else an SQLite file in our data folder.
 *
 * @throws VdcError CONFIG_REFUSED when a setting is there but can't be used;
 *   the message never holds a password.
 */
export function loadDatabaseSettings(env: NodeJS.ProcessEnv): DatabaseSettings {
  const { VDC_MANAGE_DATABASE_URI: uri, CONF_PATH: confPath } = environment.parse(env)
  if (uri === '' || confPath === '') {
    // Such as from a command substitution that failed: to go on with another database would be a surprise.
    const name = uri === '' ? 'VDC_MANAGE_DATABASE_URI' : 'CONF_PATH'
    throw new VdcError('CONFIG_REFUSED', `${name} is set, but empty`, { hint: `Give it a value, or unset ${name}` })
  }
  if (uri !== undefined) return parseDatabaseUri(uri, 'VDC_MANAGE_DATABASE_URI')
  if (confPath !== undefined) return parseDatabaseUri(readDatabaseUri(confPath, 'CONF_PATH names it'), confPath)
  if (mayExist(DCMGR_CONF)) {
    return parseDatabaseUri(readDatabaseUri(DCMGR_CONF, 'an installation of Wakame-vdc keeps it'), DCMGR_CONF)
  }
  const { path, ignored } = findDataFolder(env)
  return { engine: 'sqlite', path: join(path, 'registry.sqlite'), embedded: true, ignored }
}

/**
 * Tells where the database's settings stand: `VDC_MANAGE_DATABASE_URI`, the path
 * of a dcmgr.conf, or undefined where the embedded registry is meant.
 */
export function settingsSource(env: NodeJS.ProcessEnv): string | undefined {
  const { VDC_MANAGE_DATABASE_URI: uri, CONF_PATH: confPath } = environment.parse(env)
  if (uri !== undefined) return 'VDC_MANAGE_DATABASE_URI'
  return confPath ?? (mayExist(DCMGR_CONF) ? DCMGR_CONF : undefined)
}

/**
 * Reads a database URI: `mysql://user@host:port/db` (or `mysql2:`; user,
 * password and socket as query parameters too) or `sqlite:///abs/path`.
 *
 * @param source where the URI stands, for messages.
 * @throws VdcError CONFIG_REFUSED; the URI itself is never shown, as it may hold a password.
 */
export function parseDatabaseUri(uri: string, source: string): DatabaseSettings {
  const refuse = (why: string) =>
    new VdcError('CONFIG_REFUSED', `The database URI in ${source} ${why}`, {
      hint: 'It must look like mysql://user@host:3306/wakame_dcmgr or sqlite:///absolute/path',
    })
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(uri)?.[1]?.toLowerCase()
  if (scheme === undefined) throw refuse('is no URI')
  if (!['mysql', 'mysql2', 'sqlite'].includes(scheme)) throw refuse(`has the unknown scheme '${scheme}:'`)
  if (scheme === 'sqlite') return { engine: 'sqlite', path: sqlitePath(uri, refuse), embedded: false }
  let url: URL
  try {
    url = new URL(uri)
  } catch {
    throw refuse(`can not be parsed; ${ESCAPING}`)
  }
  // An unescaped / in a password ends what is taken for the host: what comes next would be shown as the database.
  if (url.pathname.includes('@')) throw refuse(`has an @ behind its host; ${ESCAPING}`)
  const decode = (text: string) => decodeOr(text, () => refuse('has a broken %-escape'))
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1') || 'localhost'
  const parts = mysqlParts.safeParse({
    host,
    port: url.port === '' ? 3306 : Number(url.port),
    database: decode(url.pathname.replace(/^\//, '')),
  })
  if (!parts.success) {
    if (!parts.error.issues.some((i) => i.path[0] === 'database')) throw refuse('has a bad host or port')
    // As may an unescaped ? or #.
    const isCut = /@[^&]*\//.test(url.search + url.hash)
    throw refuse(isCut ? `has an @ behind its host; ${ESCAPING}` : 'names no database')
  }
  // A plus is a plus here, and not a blank as in forms.
  const query = new URLSearchParams(url.search.replaceAll('+', '%2B'))
  return {
    engine: 'mysql',
    ...parts.data,
    socketPath: query.get('socket') || (url.port === '' && host === 'localhost' ? defaultSocket() : undefined),
    user: (url.username === '' ? query.get('user') : decode(url.username)) ?? undefined,
    password: (url.password === '' ? query.get('password') : decode(url.password)) ?? undefined,
  }
}

/**
 * The path of an SQLite file, spelt in one way: whoever opens it, SQLite or Node, must
 * mean the same file.
 */
function sqlitePath(uri: string, refuse: (why: string) => VdcError): string {
  const escaped = /^sqlite:\/\/(\/.+)$/is.exec(uri)?.[1]
  if (escaped === undefined) throw refuse('names no absolute path (three slashes: sqlite:///absolute/path)')
  const more = /[?#]/.exec(escaped)?.[0]
  if (more !== undefined) {
    throw refuse(
      `has a '${more}', but an SQLite file takes no parameters; write ${encodeURIComponent(more)} for one in the path`,
    )
  }
  const path = decodeOr(escaped, () => refuse('has a broken %-escape')).replace(/\/(?:\.?\/)+/g, '/')
  if (path.includes('\0')) throw refuse('holds a zero byte')
  if (/\/\.{0,2}$/.test(path)) throw refuse('names a folder, not a file')
  if (!path.includes('/../')) return path
  try {
    // What .. leads to depends on links, which Node alone would pass by.
    return join(realpathSync.native(dirname(path)), basename(path))
  } catch {
    // There is no such folder, which whoever opens the file tells.
    return path
  }
}

/** Names a database for people: engine, user, place and name; never the password. */
export function describeDatabase(settings: DatabaseSettings): string {
  if (settings.engine === 'sqlite') return `sqlite://${settings.path}`
  const user = settings.user === undefined ? '' : `${settings.user}@`
  const place = settings.socketPath === undefined ? `${bracketed(settings.host)}:${settings.port}` : 'localhost'
  const socket = settings.socketPath === undefined ? '' : `?socket=${settings.socketPath}`
  return `mysql://${user}${place}/${settings.database}${socket}`
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

/** MySQL's own clients, Ruby's among them, take `localhost` without a port as "the socket of this host". */
function defaultSocket(): string | undefined {
  return MYSQL_SOCKETS.find((path) => existsSync(path))
}

function decodeOr(text: string, refusal: () => VdcError): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw refusal()
  }
}

/**
 * Finds the service types of the installation on this host, in the file that
 * `CONF_PATH` names or in /etc/wakame-vdc/dcmgr.conf.
 *
 * @returns undefined where there is no such file, or it can't be read: then nobody knows them.
 */
export function loadServiceTypes(env: NodeJS.ProcessEnv): ServiceTypes | undefined {
  const path = environment.parse(env).CONF_PATH || DCMGR_CONF
  return mayExist(path) ? readServiceTypes(path) : undefined
}
