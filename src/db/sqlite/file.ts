import { accessSync, closeSync, constants, existsSync, fchmodSync, lstatSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { SqliteSettings } from '../../config/config.ts'
import { makeOwnFolder } from '../../core/data-folder.ts'
import { VdcError } from '../../core/errors.ts'
import { notOpened } from './client.ts'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants
/** A registry is for its owner alone. SQLite gives the files beside it (-wal, -shm, -journal) the mode of the database file. */
const MODE = 0o600

/**
 * Says whether a database file is there.
 *
 * @throws VdcError DATABASE_UNREACHABLE for anything but a file: a pipe would be waited for.
 */
export function isFileThere(path: string): boolean {
  try {
    const stats = statSync(path)
    if (stats.isFile()) return true
    throw new VdcError(
      'DATABASE_UNREACHABLE',
      `The database sqlite://${path} is ${stats.isDirectory() ? 'a folder' : 'no file'}`,
      { hint: 'Name a file: VDC_MANAGE_DATABASE_URI=sqlite:///absolute/path/registry.sqlite' },
    )
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error instanceof VdcError ? error : notOpened(path, error)
  }
}

/**
 * The URI by which SQLite opens a file otherwise than to read and write (https://sqlite.org/uri.html).
 *
 * @param how `mode=ro` to read; `immutable=1` to read a file that nobody else writes to, past all locks and logs.
 */
export function sqliteUri(path: string, how: 'mode=ro' | 'immutable=1'): string {
  return `file:${path.split('/').map(encodeURIComponent).join('/')}?${how}`
}

/**
 * Makes an empty file, which is a valid SQLite database, for this user alone;
 * for the embedded registry its folder as well. That another process makes it at
 * the same time is no error.
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
      // The umask may have taken away even what the owner needs.
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
 * Makes sure that a file which is not there could be made; for the embedded
 * registry its folders too.
 *
 * @throws VdcError DATABASE_UNREACHABLE.
 */
export function requireCreatable({ path, embedded }: SqliteSettings): void {
  let folder = dirname(path)
  while (embedded && !existsSync(folder)) folder = dirname(folder)
  try {
    // With the slash, a file in its place is an error.
    accessSync(`${folder}/`, constants.W_OK | constants.X_OK)
  } catch (error) {
    if (embedded) throw notCreated(dirname(path), error as Error)
    throw new VdcError(
      'DATABASE_UNREACHABLE',
      `The database sqlite://${path} cannot be made: ${folder} does not exist or is not writable`,
      {
        hint: 'Make the folder and give this user the right to write to it, or set VDC_MANAGE_DATABASE_URI',
        cause: error,
      },
    )
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
      hint: 'Set HOME to a folder of yours that is writable, or VDC_MANAGE_DATABASE_URI to a database elsewhere',
      cause,
    },
  )
}

function danglingLink(path: string): VdcError {
  return new VdcError('DATABASE_UNREACHABLE', `The database sqlite://${path} is a link to a file that does not exist`, {
    hint: 'Remove the link, or name the file that it leads to',
  })
}
