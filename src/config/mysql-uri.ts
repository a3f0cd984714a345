import { existsSync } from 'node:fs'
import * as z from 'zod/mini'
import { VdcError } from '../core/errors.ts'
import { nearest, wasMeant } from '../core/nearest.ts'

/** The modes of TLS, in the words of MySQL's own clients. */
const SSL_MODES = ['DISABLED', 'PREFERRED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'] as const

/** How a connection is encrypted, and whom it trusts (decision 15). A named CA is always checked. */
export interface TlsSettings {
  mode: (typeof SSL_MODES)[number]
  /** Absolute paths of PEM files. */
  ca?: string | undefined
  cert?: string | undefined
  key?: string | undefined
}

/** A server's place. */
export interface MysqlHost {
  host: string
  port: number
}

/** A MySQL or MariaDB database and how to reach it: by `socketPath` if there is one, else by its hosts, in this order. */
export interface MysqlSettings {
  engine: 'mysql'
  hosts: readonly MysqlHost[]
  socketPath?: string | undefined
  user?: string | undefined
  password?: string | undefined
  database: string
  tls: TlsSettings
}

const DEFAULT_PORT = 3306
const MYSQL_SOCKETS = ['/run/mysqld/mysqld.sock', '/var/lib/mysql/mysql.sock', '/tmp/mysql.sock']

const ESCAPING = 'special characters in user, password and database must be %-escaped'
const EXAMPLE = 'It must look like mysql://user@host:3306/wakame_dcmgr or sqlite:///absolute/path'

/** The parameters that count. */
const PARAMETERS = ['user', 'password', 'socket', 'host', 'port', 'ssl-mode', 'ssl-ca', 'ssl-cert', 'ssl-key']
/** Parameters of Ruby's Sequel and mysql2 that a dcmgr.conf may carry and that change nothing here. */
const HARMLESS = [
  'encoding',
  'charset',
  'timeout',
  'connect_timeout',
  'read_timeout',
  'write_timeout',
  'max_connections',
  'pool_timeout',
  'reconnect',
  'compress',
]

const databaseName = z.string().check(z.regex(/^[^/\0]{1,64}$/))
const hostList = z
  .array(
    z.object({
      // No character that a URI would have to escape: it may be the rest of a password.
      host: z.string().check(z.regex(/^[^\s%\\/?#@,<>^|"[\]]{1,255}$/)),
      port: z.optional(z.int().check(z.gte(1), z.lte(65535))),
    }),
  )
  .check(z.minLength(1))

type Refuse = (why: string, hint?: string) => VdcError

/**
 * Reads a URI of MySQL: `mysql://user:password@db1,db2:3307,[::1]:3308/database?ssl-mode=…`
 * (or `mysql2:`). User, password, socket, host and port may be query parameters
 * too, as Ruby's Sequel takes them.
 *
 * @param source where the URI is set, for messages.
 * @throws VdcError CONFIG_REFUSED; never shows the URI or a value, as either may hold a password.
 */
export function parseMysqlUri(uri: string, source: string): MysqlSettings {
  const refuse: Refuse = (why, hint = EXAMPLE) =>
    new VdcError('CONFIG_REFUSED', `The database URI in ${source} ${why}`, { hint })
  const shape = /^mysql2?:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#.*)?$/is.exec(uri)
  if (shape === null) throw refuse(`cannot be parsed; ${ESCAPING}`)
  const [, authority = '', path = '', search = '', hash = ''] = shape
  const decode = (text: string) => decodeOr(text, () => refuse('has a broken %-escape'))
  // An unescaped / in a password ends what is taken for the host: what comes next would be shown as the database.
  const cut = () => refuse(`has an @ behind its host; ${ESCAPING}`)
  if (path.includes('@')) throw cut()
  // As may an unescaped ? or #.
  const isCut = /@[^&]*\//.test(search + hash)
  if (/^[^/]+\/+$/.test(path)) throw refuse("has a / after the database's name", 'Remove the / at the end of the name')
  const at = authority.lastIndexOf('@')
  // Each host with an account of its own, of which all but the last would be taken for a user and a password.
  if (/^[^:]*,|@[^@]*,/.test(authority.slice(0, Math.max(at, 0)))) {
    throw refuse(`names an account more than once; ${ESCAPING}`, 'Name the account once, before the first host')
  }
  const [, user = '', password = ''] = /^([^:]*)(?::(.*))?$/s.exec(authority.slice(0, Math.max(at, 0))) ?? []
  const database = decode(path)
  if (!databaseName.safeParse(database).success) throw isCut ? cut() : refuse('names no database')
  if (isCut) throw cut()
  if (hash !== '') throw refuse(`has a #; ${ESCAPING}`)
  const query = readQuery(search, decode, refuse)
  const hosts = hostsOf(authority.slice(at + 1), query, refuse)
  const isHere = hosts.length === 1 && hosts[0]?.host === 'localhost'
  const socketPath = query.get('socket') || (isHere && hosts[0]?.port === undefined ? defaultSocket() : undefined)
  // MySQL's clients, Ruby's among them, would take the host.
  if (query.get('socket') && !isHere)
    throw refuse('names a socket and a host', 'Leave out one of them, or name localhost as the host')
  return {
    engine: 'mysql',
    hosts: hosts.map(({ host, port = DEFAULT_PORT }) => ({ host, port })),
    socketPath,
    user: oneOf('user', decode(user), query, refuse),
    password: oneOf('password', decode(password), query, refuse),
    database,
    tls: tlsOf(query, refuse),
  }
}

/** A place as people write it: `db1:3306`, `[::1]:3306`. */
export function describeHost({ host, port }: MysqlHost): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Names a database: user, place and name; never the password. */
export function describeMysql({ user, socketPath, hosts, database }: MysqlSettings): string {
  // An escaped colon in a user's name is more likely the one before a password.
  const account = user === undefined ? '' : `${user.split(':', 1)[0]}@`
  if (socketPath !== undefined) return `mysql://${account}localhost/${database}?socket=${socketPath}`
  return `mysql://${account}${hosts.map(describeHost).join(',')}/${database}`
}

type Place = z.output<typeof hostList>[number]

/** The hosts before the database or in the query, which must not contradict each other, and a port only if it is given. */
function hostsOf(before: string, query: ReadonlyMap<string, string>, refuse: Refuse): Place[] {
  const list = before || query.get('host') || 'localhost'
  if (query.has('host') && ![list, list.replace(/:\d*$/, '')].includes(query.get('host') as string)) {
    throw refuse('names a host twice, differently', 'Name the host before the database, or as the parameter host')
  }
  const port = query.get('port')
  const places = list.split(',').map((place) => {
    const [, address, name, own = ''] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*))(?::(\d*))?$/i.exec(place) ?? []
    if (port !== undefined && own !== '' && own !== port) {
      throw refuse('names a port twice, differently', 'Give the port with the host, or as the parameter port')
    }
    const text = own || port
    return { host: address ?? name ?? '', port: text === undefined ? undefined : portOf(text) }
  })
  // `mysql://:3306/x` is this host.
  if (places.length === 1 && places[0]?.host === '' && list.startsWith(':')) places[0].host = 'localhost'
  const validated = hostList.safeParse(places)
  if (!validated.success) throw refuse(`cannot be parsed: bad host or port; ${ESCAPING}`)
  return validated.data
}

/** A port in decimal digits; NaN for whatever else JavaScript takes for a number. */
function portOf(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Number.NaN
}

/** Reads the parameters of a query. A plus is a plus here, and not a space as in forms. */
function readQuery(search: string, decode: (text: string) => string, refuse: Refuse): Map<string, string> {
  const query = new Map<string, string>()
  for (const parameter of search.split('&')) {
    if (parameter === '') continue
    const [name, ...rest] = parameter.split('=')
    if (!PARAMETERS.includes(name as string) && !HARMLESS.includes(name as string)) {
      throw unknownParameter(name as string, rest.length > 0, refuse)
    }
    if (query.has(name as string)) throw refuse(`has the parameter ${name} twice`, `Give ${name} once`)
    query.set(name as string, decode(rest.join('=')))
  }
  return query
}

function unknownParameter(name: string, hasValue: boolean, refuse: Refuse): VdcError {
  const hint = `${wasMeant(name, PARAMETERS)}Parameters are ${PARAMETERS.join(', ')}`
  // The rest of a password with an unescaped & or ? ends up here, and is not shown.
  if (!hasValue || !/^[A-Za-z][\w-]{0,30}$/.test(name)) {
    return refuse(`has a parameter that cannot be read; ${ESCAPING}`, hint)
  }
  return refuse(`has the unknown parameter '${name}'`, hint)
}

/** What is before the host, or in the query. */
function oneOf(name: string, before: string, query: ReadonlyMap<string, string>, refuse: Refuse): string | undefined {
  const inQuery = query.get(name)
  if (before !== '' && inQuery !== undefined && inQuery !== before) {
    throw refuse(`holds a ${name} twice, differently`, `Give the ${name} before the host, or as the parameter ${name}`)
  }
  return before === '' ? inQuery : before
}

/** Reads the TLS parameters. As for MySQL's clients, a CA alone asks for VERIFY_CA; a certificate alone asks for TLS. */
function tlsOf(query: ReadonlyMap<string, string>, refuse: Refuse): TlsSettings {
  const [ca, cert, key] = ['ssl-ca', 'ssl-cert', 'ssl-key'].map((name) => {
    const path = query.get(name)
    if (path !== undefined && !path.startsWith('/')) {
      throw refuse(
        `has an ${name} that is not an absolute path`,
        `Give the path of a PEM file, such as ${name}=/etc/mysql/${name.slice(4)}.pem`,
      )
    }
    return path
  })
  const named = query.get('ssl-mode')?.toUpperCase()
  const known = SSL_MODES.find((mode) => mode === named)
  if (named !== undefined && known === undefined) {
    const near = nearest(named, SSL_MODES)
    throw refuse(
      'has an unknown ssl-mode',
      `${near === undefined ? '' : `Did you mean ${near}? `}Modes are ${SSL_MODES.join(', ')}`,
    )
  }
  const mode =
    known ?? (ca !== undefined ? 'VERIFY_CA' : cert !== undefined || key !== undefined ? 'REQUIRED' : 'PREFERRED')
  if ((cert === undefined) !== (key === undefined)) {
    const [has, lacks] = cert === undefined ? ['ssl-key', 'ssl-cert'] : ['ssl-cert', 'ssl-key']
    throw refuse(`has ${has} without ${lacks}`, `Name the client's certificate and its key: ssl-cert and ssl-key`)
  }
  if (mode === 'DISABLED' && (ca ?? cert) !== undefined) {
    const name = ca === undefined ? 'ssl-cert' : 'ssl-ca'
    throw refuse(`has ${name} with ssl-mode=DISABLED`, `Remove ${name}, or choose another ssl-mode`)
  }
  if (mode.startsWith('VERIFY_') && ca === undefined) {
    throw refuse(
      `has ssl-mode=${mode} without ssl-ca`,
      "Name the PEM file of the CA that signed the server's certificate: ssl-ca=/path",
    )
  }
  return { mode, ca, cert, key }
}

/** MySQL's own clients, Ruby's among them, take `localhost` without a port as "the socket of this host". */
function defaultSocket(): string | undefined {
  return MYSQL_SOCKETS.find((path) => existsSync(path))
}

/** Decodes the %-escapes of a URI; throws `refusal` if one is broken. */
export function decodeOr(text: string, refusal: () => VdcError): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw refusal()
  }
}
