import { existsSync } from 'node:fs'
import * as z from 'zod/mini'
import { VdcError } from '../core/errors.ts'
import { wasMeant } from '../core/nearest.ts'
import { type Refuse, type TlsSettings, tlsOf } from './mysql-tls.ts'

/** The address of a database server. */
export interface MysqlHost {
  host: string
  port: number
}

/** A MySQL or MariaDB database. Connects to `socketPath` if set, otherwise to the hosts, in this order. */
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

const ESCAPING = 'special characters in the user, password and database must be %-escaped'
const EXAMPLE = 'It must look like mysql://user@host:3306/wakame_dcmgr or sqlite:///absolute/path'
const ESCAPES = `${EXAMPLE}; write %40 for @, %2F for /, %3A for :, %3F for ?, %23 for # and %25 for %`

/** The supported parameters. */
const PARAMETERS = ['user', 'password', 'socket', 'host', 'port', 'ssl-mode', 'ssl-ca', 'ssl-cert', 'ssl-key']
/** Parameters of Ruby's Sequel and mysql2 that a dcmgr.conf may contain. They are ignored. */
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
      // Characters that a URI must escape are refused: they may be the rest of a password.
      host: z.string().check(z.regex(/^[^\s%\\/?#@,<>^|"[\]]{1,255}$/)),
      port: z.optional(z.int().check(z.gte(1), z.lte(65535))),
    }),
  )
  .check(z.minLength(1))

/**
 * Parses a MySQL URI: `mysql://user:password@db1,db2:3307,[::1]:3308/database?ssl-mode=…`
 * (or `mysql2:`). As in Ruby's Sequel, the user, password, socket, host and port may
 * also be query parameters.
 *
 * @param source where the URI is set, for error messages.
 * @throws VdcError CONFIG_REFUSED if the URI is not valid. The message contains neither the
 *   URI nor a value, as they may contain a password.
 */
export function parseMysqlUri(uri: string, source: string): MysqlSettings {
  const refuse: Refuse = (why, hint = EXAMPLE) =>
    new VdcError('CONFIG_REFUSED', `The database URI in ${source} ${why}`, { hint })
  const shape = /^mysql2?:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#.*)?$/is.exec(uri)
  if (shape === null) throw refuse(`cannot be parsed; ${ESCAPING}`)
  const [, authority = '', path = '', search = '', hash = ''] = shape
  const decode = (text: string) => decodeOr(text, () => refuse('contains an invalid %-escape'))
  // An unescaped / in a password ends the host, and messages would show the rest as the database.
  const cut = () => refuse(`contains an @ after the host; ${ESCAPING}`, ESCAPES)
  if (path.includes('@')) throw cut()
  // An unescaped ? or # has the same effect.
  const isCut = /@[^&]*\//.test(search + hash)
  if (/^[^/]+\/+$/.test(path)) throw refuse('has a / after the database name', 'Remove the / at the end of the name')
  const at = authority.lastIndexOf('@')
  // With a user for each host, all hosts but the last would be parsed as part of a user and password.
  if (/^[^:]*,|@[^@]*,/.test(authority.slice(0, Math.max(at, 0)))) {
    throw refuse(`names a user more than once; ${ESCAPING}`, 'Name the user once, before the first host')
  }
  const [, user = '', password = ''] = /^([^:]*)(?::(.*))?$/s.exec(authority.slice(0, Math.max(at, 0))) ?? []
  const database = decode(path)
  if (!databaseName.safeParse(database).success) throw isCut ? cut() : refuse('does not name a database')
  if (isCut) throw cut()
  if (hash !== '') throw refuse(`contains a #; ${ESCAPING}`, ESCAPES)
  const query = readQuery(search, decode, refuse)
  const hosts = hostsOf(authority.slice(at + 1), query, refuse)
  return {
    engine: 'mysql',
    hosts: hosts.map(({ host, port = DEFAULT_PORT }) => ({ host, port })),
    socketPath: socketOf(hosts, query, refuse),
    user: oneOf('user', decode(user), query, refuse),
    password: oneOf('password', decode(password), query, refuse),
    database,
    tls: tlsOf(query, refuse),
  }
}

/** Returns a host and port for messages, such as `db1:3306` or `[::1]:3306`. */
export function describeHost({ host, port }: MysqlHost): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Returns a URI of the database for messages: user, hosts or socket, and name; never the password. */
export function describeMysql({ user, socketPath, hosts, database }: MysqlSettings): string {
  // An escaped colon in a user name probably precedes a password.
  const account = user === undefined ? '' : `${user.split(':', 1)[0]}@`
  if (socketPath !== undefined) return `mysql://${account}localhost/${database}?socket=${socketPath}`
  return `mysql://${account}${hosts.map(describeHost).join(',')}/${database}`
}

type Place = z.output<typeof hostList>[number]

/** Returns the hosts, given before the database or in the query, and their ports if given. The two must not contradict each other. */
function hostsOf(before: string, query: ReadonlyMap<string, string>, refuse: Refuse): Place[] {
  const list = before || query.get('host') || 'localhost'
  if (query.has('host') && ![list, list.replace(/:\d*$/, '')].includes(query.get('host') as string)) {
    throw refuse('names two different hosts', 'Name the host either before the database or in the parameter host')
  }
  const port = query.get('port')
  const places = list.split(',').map((place) => {
    const [, address, name, own = ''] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*))(?::(\d*))?$/i.exec(place) ?? []
    if (port !== undefined && own !== '' && own !== port) {
      throw refuse('names two different ports', 'Set the port either after the host or in the parameter port')
    }
    const text = own || port
    return { host: address ?? name ?? '', port: text === undefined ? undefined : portOf(text) }
  })
  // `mysql://:3306/x` means this host.
  if (places.length === 1 && places[0]?.host === '' && list.startsWith(':')) places[0].host = 'localhost'
  const validated = hostList.safeParse(places)
  if (!validated.success) throw refuse(`has an invalid host or port; ${ESCAPING}`)
  return validated.data
}

/** Returns the socket in the query, or the default socket of this host for `localhost` without a port. */
function socketOf(hosts: readonly Place[], query: ReadonlyMap<string, string>, refuse: Refuse): string | undefined {
  const isHere = hosts.length === 1 && hosts[0]?.host === 'localhost'
  const socket = query.get('socket')
  // MySQL's clients, including Ruby's, would use the host.
  if (socket && !isHere)
    throw refuse('names both a socket and a host', 'Omit one of them, or use localhost as the host')
  return socket || (isHere && hosts[0]?.port === undefined ? defaultSocket() : undefined)
}

/** Parses a port in decimal digits. Returns NaN for anything else, such as other JavaScript number literals. */
function portOf(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Number.NaN
}

/** Parses the parameters of a query. Unlike in forms, a plus does not mean a space. */
function readQuery(search: string, decode: (text: string) => string, refuse: Refuse): Map<string, string> {
  const query = new Map<string, string>()
  for (const parameter of search.split('&')) {
    if (parameter === '') continue
    const [name, ...rest] = parameter.split('=')
    if (!PARAMETERS.includes(name as string) && !HARMLESS.includes(name as string)) {
      throw unknownParameter(name as string, rest.length > 0, refuse)
    }
    if (query.has(name as string))
      throw refuse(`has the parameter ${name} twice`, `Remove one of the two ${name} parameters`)
    query.set(name as string, decode(rest.join('=')))
  }
  return query
}

function unknownParameter(name: string, hasValue: boolean, refuse: Refuse): VdcError {
  const hint = `${wasMeant(name, PARAMETERS)}Parameters are ${PARAMETERS.join(', ')}`
  // May be the rest of a password with an unescaped & or ?, which must not be shown.
  if (!hasValue || !/^[A-Za-z][\w-]{0,30}$/.test(name)) {
    return refuse(`has an invalid parameter; ${ESCAPING}`, hint)
  }
  return refuse(`has the unknown parameter '${name}'`, hint)
}

/** Returns a value given before the host or in the query. The two must not contradict each other. */
function oneOf(name: string, before: string, query: ReadonlyMap<string, string>, refuse: Refuse): string | undefined {
  const inQuery = query.get(name)
  if (before !== '' && inQuery !== undefined && inQuery !== before) {
    throw refuse(
      `has two different values for the ${name}`,
      `Set the ${name} either before the host or in the parameter ${name}`,
    )
  }
  return before === '' ? inQuery : before
}

/** Returns the socket of a server on this host. MySQL's own clients, including Ruby's, use it for `localhost` without a port. */
function defaultSocket(): string | undefined {
  return MYSQL_SOCKETS.find((path) => existsSync(path))
}

/**
 * Decodes the %-escapes of a URI.
 *
 * @throws VdcError the result of `refusal` if an escape is not valid.
 */
export function decodeOr(text: string, refusal: () => VdcError): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw refusal()
  }
}
