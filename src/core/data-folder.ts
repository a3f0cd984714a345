import { existsSync, mkdirSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { VdcError } from './errors.ts'
import { foreignOn } from './foreign-path.ts'
import { systemError } from './system-error.ts'

/** The folder of the embedded registry and of the shell's history. */
export interface DataFolder {
  path: string
  /** Why a setting that names another folder is ignored; undefined if no setting is. */
  ignored?: string | undefined
}

/** A folder named by a setting. */
interface Named {
  /** Name of the setting. */
  setting: string
  /** Its value. */
  folder: string
  /** Our folder in it. */
  path: string
}

const NAME = 'vdc-manage'
const IN_HOME = join('.local/share', NAME)
const SYSTEM_STATE = '/var/lib'
const HINT = 'Set HOME to your home directory, or set VDC_MANAGE_DATABASE_URI'

/**
 * Finds the folder for this program's data: `VDC_MANAGE_DATA_DIR`, else `vdc-manage` in
 * `XDG_DATA_HOME`, else `.local/share/vdc-manage` in `HOME`, or in the home directory from
 * the password database if HOME is not set. The folder may not exist yet.
 *
 * Root does not use a folder that other users can change or replace, for example if
 * sudo kept HOME. It then uses the folder in its own home.
 *
 * @throws VdcError CONFIG_REFUSED if the setting is not usable; names the setting.
 */
export function findDataFolder(env: NodeJS.ProcessEnv): DataFolder {
  const named = namedFolder(env) ?? ownFolder()
  if (named.folder === '') throw refused(`${named.setting} is empty or not set`)
  if (!isAbsolute(named.folder)) {
    const hint = isHome(named) ? HINT : `Set ${named.setting} to an absolute path, or unset it`
    throw refused(describe(named, 'is not an absolute path'), undefined, hint)
  }
  const foreign = process.geteuid?.() === 0 ? foreignOn(named.path) : undefined
  if (foreign === undefined) {
    requireHome(named)
    return { path: named.path }
  }
  const own = ownFolder()
  const alsoForeign = foreignOn(own.path)
  if (alsoForeign !== undefined) throw notRoots(own.folder, alsoForeign)
  requireHome(own)
  return { path: own.path, ignored: `${named.setting} is ignored, because ${foreign}` }
}

/**
 * Finds the folder for state of this host that belongs to no registry: for root
 * /var/lib/vdc-manage, for others `vdc-manage` in `XDG_STATE_HOME`, else
 * `.local/state/vdc-manage` in `HOME`. Root honours an `XDG_STATE_HOME` that only
 * root can change, and never HOME, which sudo may have kept.
 *
 * @returns undefined if no setting names a folder.
 */
export function findStateFolder({ XDG_STATE_HOME: xdg = '', HOME: home = '' }: NodeJS.ProcessEnv): string | undefined {
  const isRoot = process.geteuid?.() === 0
  if (isAbsolute(xdg) && !(isRoot && foreignOn(xdg) !== undefined)) return join(xdg, NAME)
  if (isRoot) return join(SYSTEM_STATE, NAME)
  return isAbsolute(home) ? join(home, '.local/state', NAME) : undefined
}

/**
 * Creates a folder and its missing parents, accessible to this user only. Node's own
 * recursive `mkdir` never ends on a filesystem such as /proc, which reports an existing
 * parent as missing.
 *
 * @throws Error of the filesystem; VdcError CONFIG_REFUSED if another user has just
 *   created one of the folders.
 */
export function makeOwnFolder(path: string): void {
  const missing: string[] = []
  for (let at = path; !existsSync(at); at = dirname(at)) missing.unshift(at)
  for (const folder of missing) {
    try {
      mkdirSync(folder, { mode: 0o700 })
    } catch (error) {
      // Another process of this program may create it at the same time.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  const foreign = missing.length > 0 && process.geteuid?.() === 0 ? foreignOn(path) : undefined
  if (foreign !== undefined) throw notRoots(path, foreign)
}

function namedFolder({ VDC_MANAGE_DATA_DIR: own, XDG_DATA_HOME: xdg, HOME: home }: NodeJS.ProcessEnv) {
  if (own) return { setting: 'VDC_MANAGE_DATA_DIR', folder: own, path: own }
  // Empty means not set (XDG Base Directory Specification).
  if (xdg) return { setting: 'XDG_DATA_HOME', folder: xdg, path: join(xdg, NAME) }
  return home === undefined ? undefined : { setting: 'HOME', folder: home, path: join(home, IN_HOME) }
}

/** Returns our folder in this user's home, according to the password database. */
function ownFolder(): Named {
  try {
    const folder = userInfo().homedir
    return { setting: 'The home directory of this user', folder, path: join(folder, IN_HOME) }
  } catch (error) {
    throw refused('HOME cannot be used, and the password database has no entry for this user', error)
  }
}

/** Checks that a home exists. Other folders are created on first use. */
function requireHome(named: Named): void {
  if (!isHome(named)) return
  try {
    if (!statSync(named.folder).isDirectory()) throw refused(describe(named, 'is not a folder'))
  } catch (error) {
    if (error instanceof VdcError) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') throw refused(describe(named, 'does not exist'), error)
    // A lack of permissions is reported when the folder is used.
    if (code !== 'EACCES') throw refused(describe(named, `cannot be examined: ${systemError(code)}`), error)
  }
}

/** Returns whether a setting names a home, and not a folder for data. */
function isHome({ folder, path }: Named): boolean {
  return path === join(folder, IN_HOME)
}

function describe({ setting, folder }: Named, why: string): string {
  return `${setting} is ${folder}, which ${why}`
}

function refused(message: string, cause?: unknown, hint = HINT): VdcError {
  return new VdcError('CONFIG_REFUSED', message, { hint, cause })
}

function notRoots(folder: string, why: string): VdcError {
  return new VdcError('CONFIG_REFUSED', `Root cannot keep its data in ${folder}, because ${why}`, {
    hint: 'Change the owner or mode, or set VDC_MANAGE_DATABASE_URI',
  })
}
