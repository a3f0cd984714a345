import { accessSync, closeSync, constants, existsSync, fchmodSync, lstatSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { SqliteSettings } from '../../config/config.ts'
import { makeOwnFolder } from '../../core/data-folder.ts'
import { VdcError } from '../../core/errors.ts'
import { notOpened } from './client.ts'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants
/** Only the owner can read a registry. SQLite creates -wal, -shm and -journal files with the mode of the database file. */
const MODE = 0o600

/**
 * Returns true if a database file exists.
 *
 * @throws VdcError DATABASE_UNREACHABLE if it is not a regular file: opening a pipe would block.
 */
export function isFileThere(path: string): boolean {
  try {
    const stats = statSync(path)
    if (stats.isFile()) return true
    throw new VdcError(
      'DATABASE_UNREACHABLE',
      `The database sqlite://${path} is ${stats.isDirectory() ? 'a folder' : 'not a regular file'}`,
      { hint: 'Name a file: VDC_MANAGE_DATABASE_URI=sqlite:///absolute/path/registry.sqlite' },
    )
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error instanceof VdcError ? error : notOpened(path, error)
  }
}

/**
 * Returns the URI with which SQLite opens a file read-only (https://sqlite.org/uri.html).
 *
 * @param how `mode=ro`, or `immutable=1` for a file that no process writes to: ignores locks and logs.
 */
export function sqliteUri(path: string, how: 'mode=ro' | 'immutable=1'): string {
  return `file:${path.split('/').map(encodeURIComponent).join('/')}?${how}`
}

/**
 * Returns true if SQLite can open a file only as immutable: another user's file, to whose folder
 * this user cannot add the write-ahead log that SQLite wants even for reading. Without a log, no
 * process has the file open now; one that opens it later may change it while it is read.
 */
export function needsImmutable(path: string): boolean {
  if (existsSync(`${path}-shm`) || existsSync(`${path}-wal`)) return false
  try {
    accessSync(dirname(path), constants.W_OK)
    return false
  } catch {
    return isFileThere(path)
  }
}

/**
 * Creates an empty file, which is a valid SQLite database, readable only by this user;
 * for the embedded registry also its folder. Another process may create it at the
 * same time.
 *
 * @throws VdcError DATABASE_UNREACHABLE, CONFIG_REFUSED.
 */
export function createFile(settings: SqliteSettings): void {
  const { path, embedded } = settings
  if (embedded) createFolder(dirname(path))
  else requireCreatable(settings)
  try {
    const descriptor = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, MODE)
    try {
      // The umask may have removed permissions of the owner.
      fchmodSync(descriptor, MODE)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw notOpened(path, error)
    if (!isFileThere(path)) throw danglingLink(path)
  }
}

/**
 * Checks that a missing file can be created; for the embedded registry also its folders.
 *
 * @throws VdcError DATABASE_UNREACHABLE.
 */
export function requireCreatable({ path, embedded }: SqliteSettings): void {
  let folder = dirname(path)
  while (embedded && !existsSync(folder)) folder = dirname(folder)
  try {
    // With the slash, it is an error if this is a file.
    accessSync(`${folder}/`, constants.W_OK | constants.X_OK)
  } catch (error) {
    if (embedded) throw notCreated(dirname(path), error as Error)
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const why = `${folder} ${isMissing ? 'does not exist' : 'is not a writable folder'}`
    throw new VdcError('DATABASE_UNREACHABLE', `The database sqlite://${path} cannot be created: ${why}`, {
      hint: `${isMissing ? 'Create the folder' : 'Make it writable for this user'}, or correct VDC_MANAGE_DATABASE_URI`,
      cause: error,
    })
  }
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) throw danglingLink(path)
}

function createFolder(folder: string): void {
  try {
    makeOwnFolder(folder)
  } catch (error) {
    throw error instanceof VdcError ? error : notCreated(folder, error as Error)
  }
}

function notCreated(folder: string, cause: Error): VdcError {
  return new VdcError(
    'DATABASE_UNREACHABLE',
    `The folder ${folder} of the embedded registry cannot be created: ${cause.message}`,
    {
      hint: 'Set HOME to a folder that you own and can write to, or VDC_MANAGE_DATABASE_URI to another database',
      cause,
    },
  )
}

function danglingLink(path: string): VdcError {
  return new VdcError('DATABASE_UNREACHABLE', `The database sqlite://${path} is a link to a file that does not exist`, {
    hint: 'Remove the link, or name the file that it points to',
  })
}
