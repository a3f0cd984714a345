import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { findDataFolder } from '../core/data-folder.ts'
import { VdcError } from '../core/errors.ts'
import { DCMGR_CONF, mayExist, readDatabaseUri, readServiceTypes, type ServiceTypes } from './dcmgr-conf.ts'
import { decodeOr, describeMysql, type MysqlSettings, parseMysqlUri } from './mysql-uri.ts'

/** An SQLite database file. */
export interface SqliteSettings {
  engine: 'sqlite'
  path: string
  /** Marks the default one, which nobody named. */
  embedded: boolean
  /** Why the embedded one is not in the folder that the environment names, if it is not. */
  ignored?: string | undefined
}

export { describeHost, describeMysql, type MysqlHost, type MysqlSettings, type TlsSettings } from './mysql-uri.ts'

/** The database of the registry, parsed and validated. */
export type DatabaseSettings = MysqlSettings | SqliteSettings

const environment = z.object({
  VDC_MANAGE_DATABASE_URI: z.optional(z.string().check(z.trim())),
  CONF_PATH: z.optional(z.string()),
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
 * Reads a database URI: one of MySQL (src/config/mysql-uri.ts) or `sqlite:///abs/path`.
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
  return parseMysqlUri(uri, source)
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
  return describeMysql(settings)
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
