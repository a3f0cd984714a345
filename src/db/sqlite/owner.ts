import { existsSync, statSync } from 'node:fs'
import type { Knex } from 'knex'
import Libsql from 'libsql'
import { VdcError } from '../../core/errors.ts'
import { sqliteUri } from './file.ts'

/** What an SQLite file says of itself, of which the last two count its tables and the like, and the table that is always ours. */
interface Owner {
  /** `PRAGMA user_version`: the migrations that it holds, where it is ours. */
  version: number
  application: number
  objects: number
  ours: number
}

const OWNER = `
  SELECT user_version AS version, (SELECT application_id FROM pragma_application_id) AS application,
    (SELECT COUNT(*) FROM sqlite_master) AS objects,
    (SELECT COUNT(*) FROM sqlite_master WHERE name = 'vdc_manage_migrations') AS ours
  FROM pragma_user_version`

/**
 * Refuses a file that another program made before it is opened as a database:
 * even to read one with a write-ahead log makes files beside it.
 *
 * @throws VdcError DATABASE_REFUSED.
 */
export function refuseForeignFile(path: string): void {
  // Where there is a log, it is in use, and may hold what the file does not: `ownVersion` looks through both.
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
    // What is wrong with it is told when it is opened.
    return
  }
  requireOwn(owner, path)
}

/**
 * The number of migrations that a file of ours holds; 0 for an empty one.
 *
 * @throws VdcError DATABASE_REFUSED where another program made it.
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
