import { existsSync, statSync } from 'node:fs'
import type { Knex } from 'knex'
import Libsql from 'libsql'
import { VdcError } from '../../core/errors.ts'
import { sqliteUri } from './file.ts'

/** Facts about an SQLite file that show whether vdc-manage created it. */
interface Owner {
  /** `PRAGMA user_version`: in our files, the number of migrations. */
  version: number
  /** `PRAGMA application_id`: 0 in our files. */
  application: number
  /** The number of tables, indexes, views and triggers. */
  objects: number
  /** 1 if the file has the table that all our files have. */
  ours: number
}

const OWNER = `
  SELECT user_version AS version, (SELECT application_id FROM pragma_application_id) AS application,
    (SELECT COUNT(*) FROM sqlite_master) AS objects,
    (SELECT COUNT(*) FROM sqlite_master WHERE name = 'vdc_manage_migrations') AS ours
  FROM pragma_user_version`

/**
 * Refuses a file of another program. Call this before the file is opened as a database:
 * even reading a file with a write-ahead log creates files beside it.
 *
 * @throws VdcError DATABASE_REFUSED.
 */
export function refuseForeignFile(path: string): void {
  // A file with a log is in use, and the log may have newer data. `ownVersion` reads both.
  if (statSync(path).size === 0 || existsSync(`${path}-wal`)) return
  let owner: Owner
  try {
    const connection = new Libsql(sqliteUri(path, 'immutable=1'))
    try {
      owner = connection.prepare(OWNER).get() as unknown as Owner
    } finally {
      connection.close()
    }
  } catch {
    // The error is reported when the file is opened.
    return
  }
  requireOwn(owner, path)
}

/**
 * Returns the number of migrations in a file; 0 for an empty one.
 *
 * @throws VdcError DATABASE_REFUSED if another program created it.
 */
export async function ownVersion(db: Pick<Knex, 'raw'>, path: string): Promise<number> {
  const [owner]: Owner[] = await db.raw(OWNER)
  return requireOwn(owner as Owner, path)
}

function requireOwn({ version, application, objects, ours }: Owner, path: string): number {
  if (ours > 0 || (version === 0 && application === 0 && objects === 0)) return version
  throw new VdcError(
    'DATABASE_REFUSED',
    `The database sqlite://${path} belongs to another program: it has no tables of vdc-manage`,
    { hint: 'Name another file: VDC_MANAGE_DATABASE_URI=sqlite:///absolute/path/registry.sqlite' },
  )
}
