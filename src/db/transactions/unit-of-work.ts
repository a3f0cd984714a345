import { setTimeout as sleep } from 'node:timers/promises'
import { VdcError } from '../../core/errors.ts'
import type { Database, Queryable } from '../database.ts'
import type { WrittenRow } from '../tables/rows.ts'
import { notesOf, noteWrites } from '../tables/writes.ts'
import { enableClaims } from './claims.ts'
import { transaction } from './transaction.ts'

/** Milliseconds after which a unit of work that keeps colliding fails. */
const PATIENCE = 30_000
/** The same for several units that are committed together, which take longer. */
const PATIENCE_TOGETHER = 300_000
/** Milliseconds. Doubled with each attempt, they limit the pause after short attempts. */
const SHORTEST_PAUSE = 10
/** Milliseconds of the longest pause between attempts. */
const LONGEST_PAUSE = 5_000
/** Attempts after DUPLICATE_KEY. The next attempt sees the other process's row, unless `work` does not look for that key. */
const MOST_DUPLICATES = 10

/**
 * Runs `work` in one transaction: all of it is committed, or nothing. If the database
 * commits with an outer transaction, only `work` is rolled back when it fails; if it
 * commits each statement, nothing is rolled back.
 *
 * `work` is run again from its start, in a new transaction, if the database reports a
 * deadlock, a lock time-out or a failed Galera certification (DATABASE_BUSY), or a unique
 * key that another process used first (DUPLICATE_KEY): the next attempt sees the changes
 * of that process. So `work` must look before it inserts, and must have no effects
 * except on `trx`.
 *
 * In a dry run (`dryRun`), everything is done and then rolled back.
 *
 * @param options.once run `work` once only, because it cannot be repeated.
 * @param options.patience milliseconds after which a unit that keeps colliding fails.
 * @throws errors of `work`; VdcError DUPLICATE_KEY or DATABASE_BUSY if the collisions did
 *   not end; COMMIT_UNCERTAIN if the connection broke during the commit, so that it is
 *   unknown whether the changes are stored.
 */
export async function inTransaction<T>(
  database: Database,
  work: (trx: Queryable) => Promise<T>,
  options: { once?: boolean; patience?: number } = {},
): Promise<T> {
  // Another attempt would store rows twice.
  if (database.commits === 'statement') return work(database.knex)
  const deadline = Date.now() + (options.patience ?? PATIENCE)
  // A nested unit belongs to the attempt of its outer unit.
  const onTry = database.commits === 'unit' ? database.onTry : undefined
  for (let attempt = 1; ; attempt++) {
    const started = Date.now()
    onTry?.(attempt)
    try {
      const result = await once(database, work)
      onTry?.(0)
      return result
    } catch (error) {
      if (options.once || !isWorthAnotherTry(database, error, attempt) || Date.now() > deadline) {
        onTry?.(0)
        throw error
      }
      await pause(database, attempt, Date.now() - started)
    }
  }
}

/**
 * Waits before another attempt. The pause is random, and its maximum grows with each attempt
 * to several times the duration of an attempt, so that one of several colliding processes
 * gets the time to finish. Longer pauses would only reduce the number of attempts.
 *
 * @param took milliseconds of the last attempt.
 * @throws VdcError INTERRUPTED, TERMINATED.
 */
async function pause(database: Database, attempt: number, took: number): Promise<void> {
  const longest = Math.max(SHORTEST_PAUSE * 2 ** Math.min(attempt, 6), took * 2 ** Math.min(attempt, 3))
  const wait = Math.random() * Math.min(LONGEST_PAUSE, longest)
  await sleep(wait, undefined, { signal: database.interruption.signal }).catch(() => {})
  database.interruption.throwIfRequested()
}

/**
 * Runs `work` on a database whose units of work are committed together when `work` ends, or
 * not at all. Like a unit of work, it may be run again, unless `once` is set.
 *
 * @throws VdcError as `inTransaction`.
 */
export async function allTogether<T>(
  database: Database,
  work: (together: Database) => Promise<T>,
  options: { once: boolean },
): Promise<T> {
  // In a dry run, everything is rolled back at the end only, so that later units see earlier changes.
  const together = { ...database, commits: 'outer' as const, dryRun: undefined }
  return inTransaction(database, (trx) => work({ ...together, knex: trx }), {
    ...options,
    patience: PATIENCE_TOGETHER,
  })
}

/** Returns the database with each statement committed by itself. */
export function byStatement(database: Database): Database {
  // A dry run commits nothing.
  return database.dryRun ? database : { ...database, commits: 'statement' }
}

/** Returns the database with units of work committed as a whole, even if it commits each statement otherwise. */
export function byUnit(database: Database): Database {
  return database.commits === 'statement' ? { ...database, commits: 'unit' } : database
}

/**
 * Returns the database for a dry run, in which each unit of work is rolled back at its end:
 * its own transaction, or its savepoint if units are committed together.
 *
 * @param onWritten called with the rows that a successful unit wrote.
 */
export function dryRun(database: Database, onWritten: (written: readonly WrittenRow[]) => void): Database {
  return { ...database, commits: database.commits === 'outer' ? 'outer' : 'unit', dryRun: onWritten }
}

/** Thrown to roll back a successful transaction of a dry run. */
class Undo extends Error {
  readonly result: unknown

  constructor(result: unknown) {
    super('undone, as this is a dry run')
    this.result = result
  }
}

async function once<T>(database: Database, work: (trx: Queryable) => Promise<T>): Promise<T> {
  const outerNotes = notesOf(database.knex)
  const written: WrittenRow[] = []
  let committing = false
  try {
    const result = await transaction(database.knex, async (trx) => {
      if (database.dryRun ?? outerNotes) noteWrites(trx, written)
      if (database.isCluster()) enableClaims(trx, database.knex)
      const result = await work(trx)
      database.interruption.throwIfRequested()
      if (database.dryRun) throw new Undo(result)
      committing = database.commits === 'unit'
      database.interruption.isCommitting = committing
      return result
    })
    outerNotes?.push(...written)
    return result
  } catch (error) {
    if (error instanceof Undo) {
      database.dryRun?.(written)
      return error.result as T
    }
    if (committing && error instanceof VdcError && isUncertain(database, error)) {
      throw new VdcError(
        'COMMIT_UNCERTAIN',
        `${error.message}, while it was committing: the change may or may not be stored`,
        {
          hint: 'Before you try again, check what is stored with: vdc-manage image list',
          cause: error,
        },
      )
    }
    throw error
  } finally {
    if (committing) database.interruption.isCommitting = false
  }
}

/**
 * Returns true if a COMMIT that failed may have stored the changes: if the server did not
 * answer, or reports an error during the commit, for example a cluster node that loses the
 * others. A node that refuses the statement (1047) has stored nothing.
 */
function isUncertain({ engine }: Database, { code, cause }: VdcError): boolean {
  const failedDuringCommit = (cause as { code?: string } | undefined)?.code === 'ER_ERROR_DURING_COMMIT'
  const isUnanswered = ['DATABASE_UNREACHABLE', 'DATABASE_CONNECTION_LOST', 'INTERNAL_ERROR'].includes(code)
  return engine === 'mysql' && (failedDuringCommit || isUnanswered)
}

/**
 * Returns the error to throw when a unit of work finds that another process has just
 * stored what it was about to store. The unit is then run again. (READ COMMITTED makes
 * other commits visible between two queries.)
 *
 * @param what the thing that is stored, for the message.
 */
export function lostRace(what: string): VdcError {
  return new VdcError('DATABASE_BUSY', `Another process is storing ${what} at the same moment`, { hint: 'Try again' })
}

function isWorthAnotherTry(database: Database, error: unknown, attempt: number): boolean {
  if (!(error instanceof VdcError)) return false
  if (error.code === 'DUPLICATE_KEY') return attempt < MOST_DUPLICATES
  // A deadlock rolls back the whole outer transaction, so that must be run again.
  return error.code === 'DATABASE_BUSY' && database.commits === 'unit'
}
