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
  /** Whether it is the default registry, used if no setting names a database. */
  embedded: boolean
  /** Why the embedded registry is not in the folder that the environment names; undefined if it is. */
  ignored?: string | undefined
}

export type { TlsSettings } from './mysql-tls.ts'
export { describeHost, describeMysql, type MysqlHost, type MysqlSettings } from './mysql-uri.ts'

/** The parsed and validated settings of the registry's database. */
export type DatabaseSettings = MysqlSettings | SqliteSettings

const environment = z.object({
  VDC_MANAGE_DATABASE_URI: z.optional(z.string().check(z.trim())),
  CONF_PATH: z.optional(z.string()),
})

/**
 * Finds the settings of the database: `VDC_MANAGE_DATABASE_URI`, else the
 * `database_uri` in the file named by `CONF_PATH` or in /etc/wakame-vdc/dcmgr.conf,
 * else an SQLite file in our data folder.
 *
 * @throws VdcError CONFIG_REFUSED if a setting is not valid. The message never contains
 *   a password.
 */
export function loadDatabaseSettings(env: NodeJS.ProcessEnv): DatabaseSettings {
  const { VDC_MANAGE_DATABASE_URI: uri, CONF_PATH: confPath } = environment.parse(env)
  if (uri === '' || confPath === '') {
    // For example, a command substitution failed. Silently using another database would be a surprise.
    const name = uri === '' ? 'VDC_MANAGE_DATABASE_URI' : 'CONF_PATH'
    throw new VdcError('CONFIG_REFUSED', `${name} is set but empty`, { hint: `Set ${name} to a value, or unset it` })
  }
  if (uri !== undefined) return parseDatabaseUri(uri, 'VDC_MANAGE_DATABASE_URI')
  if (confPath !== undefined)
    return parseDatabaseUri(readDatabaseUri(confPath, 'the file named by CONF_PATH'), confPath)
  if (mayExist(DCMGR_CONF)) {
    return parseDatabaseUri(readDatabaseUri(DCMGR_CONF, "Wakame-vdc's configuration file"), DCMGR_CONF)
  }
  const { path, ignored } = findDataFolder(env)
  return { engine: 'sqlite', path: join(path, 'registry.sqlite'), embedded: true, ignored }
}

/**
 * Returns the source of the database settings: `VDC_MANAGE_DATABASE_URI`, the path of a
 * dcmgr.conf, or undefined for the embedded registry.
 */
export function settingsSource(env: NodeJS.ProcessEnv): string | undefined {
  const { VDC_MANAGE_DATABASE_URI: uri, CONF_PATH: confPath } = environment.parse(env)
  if (uri !== undefined) return 'VDC_MANAGE_DATABASE_URI'
  return confPath ?? (mayExist(DCMGR_CONF) ? DCMGR_CONF : undefined)
}

/**
 * Parses a database URI: a MySQL URI (src/config/mysql-uri.ts) or `sqlite:///abs/path`.
 *
 * @param source where the URI is set, for error messages.
 * @throws VdcError CONFIG_REFUSED if the URI is not valid. The message never contains the
 *   URI, as it may contain a password.
 */
export function parseDatabaseUri(uri: string, source: string): DatabaseSettings {
  const refuse = (why: string) =>
    new VdcError('CONFIG_REFUSED', `The database URI in ${source} ${why}`, {
      hint: 'It must look like mysql://user@host:3306/wakame_dcmgr or sqlite:///absolute/path',
    })
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(uri)?.[1]?.toLowerCase()
  if (scheme === undefined) throw refuse('is not a URI')
  if (!['mysql', 'mysql2', 'sqlite'].includes(scheme)) throw refuse(`has the unknown scheme '${scheme}:'`)
  if (scheme === 'sqlite') return { engine: 'sqlite', path: sqlitePath(uri, refuse), embedded: false }
  return parseMysqlUri(uri, source)
}

/**
 * Returns the normalised path in an SQLite URI, so that SQLite and Node open the same file.
 */
function sqlitePath(uri: string, refuse: (why: string) => VdcError): string {
  const escaped = /^sqlite:\/\/(\/.+)$/is.exec(uri)?.[1]
  if (escaped === undefined) throw refuse('does not contain an absolute path, which needs three slashes')
  const more = /[?#]/.exec(escaped)?.[0]
  if (more !== undefined) {
    throw refuse(
      `contains '${more}', but SQLite URIs have no parameters; in a path, write ${encodeURIComponent(more)} instead`,
    )
  }
  const path = decodeOr(escaped, () => refuse('contains an invalid %-escape')).replace(/\/(?:\.?\/)+/g, '/')
  if (path.includes('\0')) throw refuse('contains a null byte')
  if (/\/\.{0,2}$/.test(path)) throw refuse('names a folder, not a file')
  if (!path.includes('/../')) return path
  try {
    // The target of .. depends on symbolic links, which Node's normalize ignores.
    return join(realpathSync.native(dirname(path)), basename(path))
  } catch {
    // The folder does not exist. Opening the file reports that.
    return path
  }
}

/** Returns a URI of the database for messages: engine, user, hosts and name, or path; never the password. */
export function describeDatabase(settings: DatabaseSettings): string {
  if (settings.engine === 'sqlite') return `sqlite://${settings.path}`
  return describeMysql(settings)
}

/**
 * Finds the service types of the installation on this host, in the file named by
 * `CONF_PATH` or in /etc/wakame-vdc/dcmgr.conf.
 *
 * @returns undefined if they are unknown, because there is no such file or it cannot be read.
 */
export function loadServiceTypes(env: NodeJS.ProcessEnv): ServiceTypes | undefined {
  const path = environment.parse(env).CONF_PATH || DCMGR_CONF
  return mayExist(path) ? readServiceTypes(path) : undefined
}
