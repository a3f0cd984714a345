import { existsSync, lstatSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { VdcError } from './errors.ts'

/** Where the Ruby programs of an installation keep their settings (dcmgr.md, "Configuration of an installation"). */
const DCMGR_CONF = '/etc/wakame-vdc/dcmgr.conf'

const MYSQL_SOCKETS = ['/run/mysqld/mysqld.sock', '/var/lib/mysql/mysql.sock', '/tmp/mysql.sock']

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

/** An SQLite database file; `embedded` marks the default one, which nobody named. */
export interface SqliteSettings {
  engine: 'sqlite'
  path: string
  embedded: boolean
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
 * /etc/wakame-vdc/dcmgr.conf, else an SQLite file in `dataDir`.
 *
 * @throws VdcError CONFIG_REFUSED when a setting is there but can't be used;
 *   the message never holds a password.
 */
export function loadDatabaseSettings(env: NodeJS.ProcessEnv, dataDir: string): DatabaseSettings {
  const { VDC_MANAGE_DATABASE_URI: uri, CONF_PATH: confPath } = environment.parse(env)
  if (uri === '' || confPath === '') {
    // Such as from a command substitution that failed: to go on with another database would be a surprise.
    const name = uri === '' ? 'VDC_MANAGE_DATABASE_URI' : 'CONF_PATH'
    throw new VdcError('CONFIG_REFUSED', `${name} is set, but empty`, { hint: `Give it a value, or unset ${name}` })
  }
  if (uri !== undefined) return parseDatabaseUri(uri, 'VDC_MANAGE_DATABASE_URI')
  if (confPath !== undefined) return parseDatabaseUri(readConfDatabaseUri(confPath, 'CONF_PATH names it'), confPath)
  if (mayExist(DCMGR_CONF)) {
    return parseDatabaseUri(readConfDatabaseUri(DCMGR_CONF, 'an installation of Wakame-vdc keeps it'), DCMGR_CONF)
  }
  return { engine: 'sqlite', path: join(dataDir, 'registry.sqlite'), embedded: true }
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
  if (scheme === 'sqlite') {
    const path = /^sqlite:\/\/(\/.+)$/i.exec(uri)?.[1]
    if (path === undefined) throw refuse('names no absolute path (three slashes: sqlite:///absolute/path)')
    return { engine: 'sqlite', path: decodeOr(path, () => refuse('has a broken %-escape')), embedded: false }
  }
  let url: URL
  try {
    url = new URL(uri)
  } catch {
    throw refuse('can not be parsed; special characters in user and password must be %-escaped')
  }
  const decode = (text: string) => decodeOr(text, () => refuse('has a broken %-escape'))
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1') || 'localhost'
  const parts = mysqlParts.safeParse({
    host,
    port: url.port === '' ? 3306 : Number(url.port),
    database: decode(url.pathname.replace(/^\//, '')),
  })
  if (!parts.success) {
    throw refuse(
      parts.error.issues.some((i) => i.path[0] === 'database') ? 'names no database' : 'has a bad host or port',
    )
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

/** Says whether there is such a file, or something that keeps us from knowing. */
function mayExist(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch (error) {
    return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
  }
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
 * Takes `database_uri` out of a dcmgr.conf. The last one counts, as in Ruby.
 */
function readConfDatabaseUri(path: string, why: string): string {
  const last = [...readConf(path, why).matchAll(/^\s*(?:config\.)?database_uri\b.*$/gm)].at(-1)?.[0] ?? ''
  const literal = /database_uri(?:\s*=\s*|\s*\(\s*|\s+)(['"])(.+?)\1\s*\)?\s*(?:#.*)?$/.exec(last)
  if (literal === null || (literal[1] === '"' && literal[2]?.includes('#{'))) {
    throw new VdcError('CONFIG_REFUSED', `The configuration file ${path} has no database_uri that can be read`, {
      hint: "A line such as database_uri 'mysql2://localhost/wakame_dcmgr?user=root' is expected; or set VDC_MANAGE_DATABASE_URI",
    })
  }
  return literal[2] as string
}

/** The service types of an installation by name, and the canonical id of the storage that new objects of each go to. */
export type ServiceTypes = ReadonlyMap<string, { storageId?: string }>

const SERVICE_TYPE = /^[ \t]*(?:config\.)?service_type\b[ \t(]*(['"])([^'"\n]+)\1/gm
const STORAGE_ID = /^[ \t]*(?:config\.)?backup_storage_id(?:[ \t]*=[ \t]*|[ \t(]+)(['"])([^'"\n]+)\1/m

/**
 * Finds the service types of the installation on this host, in the file that
 * `CONF_PATH` names or in /etc/wakame-vdc/dcmgr.conf.
 *
 * @returns undefined where there is no such file, or it can't be read: then nobody knows them.
 */
export function loadServiceTypes(env: NodeJS.ProcessEnv): ServiceTypes | undefined {
  const path = environment.parse(env).CONF_PATH || DCMGR_CONF
  if (!mayExist(path)) return undefined
  let code: string
  try {
    code = readConf(path, 'an installation of Wakame-vdc keeps it')
  } catch {
    return undefined
  }
  const found = [...code.matchAll(SERVICE_TYPE)]
  return new Map(
    found.map(({ 2: name, index }, number) => {
      // A block goes on to the next one: they are not nested.
      const block = code.slice(index, found[number + 1]?.index)
      const storage = STORAGE_ID.exec(block)?.[2]
      const storageId = storage?.startsWith('bkst-') || storage === undefined ? storage : `bkst-${storage}`
      return [name as string, storageId === undefined ? {} : { storageId }]
    }),
  )
}

/** Reads a dcmgr.conf. The file is Ruby; only the literal forms that dcmgr.md describes are understood. */
function readConf(path: string, why: string): string {
  let text: string
  try {
    // A FIFO would keep us waiting for ever.
    if (statSync(path).isFIFO()) throw Object.assign(new Error(), { code: 'a FIFO' })
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const reason =
      code === 'ENOENT'
        ? 'does not exist'
        : code === 'EACCES'
          ? 'can not be read: permission denied'
          : `can not be read (${code})`
    throw new VdcError('CONFIG_REFUSED', `The configuration file ${path} ${reason}`, {
      hint: `${why}; mend it, or set VDC_MANAGE_DATABASE_URI`,
      cause: error,
    })
  }
  return text.replace(/^__END__$[\s\S]*/m, '').replace(/^=begin\b[\s\S]*?^=end\b.*$/gm, '')
}
