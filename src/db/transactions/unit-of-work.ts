import { setTimeout as sleep } from 'node:timers/promises'
import { VdcError } from '../../core/errors.ts'
import type { Database, Queryable } from '../database.ts'
import type { WrittenRow } from '../tables/rows.ts'
import { notesOf, noteWrites } from '../tables/writes.ts'
import { enableClaims } from './claims.ts'
import { transaction } from './transaction.ts'

/** Milliseconds after which a unit of work that keeps colliding is given up; of several together, which take longer. */
const PATIENCE = 30_000
const PATIENCE_TOGETHER = 300_000
/** Milliseconds of the shortest and the longest pause before another try. */
const SHORTEST_PAUSE = 10
const LONGEST_PAUSE = 5_000
/** How often a key may be taken by another: who looks again sees it, unless it is one that nobody looks for. */
const MOST_DUPLICATES = 10

/**
 * Runs `work` in one transaction: all of it is committed, or none. Where the
 * database commits with an outer transaction, `work` is undone alone when it
 * fails; where it commits by the statement, nothing is.
 *
 * It is run again from its start, in a new transaction, when the database
 * reports a deadlock, a lock that wasn't had in time or a failed Galera
 * certification (DATABASE_BUSY), or a unique key that another process took
 * first (DUPLICATE_KEY): the second time `work` sees what that process did.
 * So `work` must look before it inserts and have no effect but on `trx`.
 *
 * In a dry run (`dryRun`) it is all done, and then undone.
 *
 * @param options.once run it once only, where what `work` does can't be done again.
 * @param options.patience milliseconds after which one that keeps colliding is given up.
 * @throws VdcError what `work` threw; DUPLICATE_KEY or DATABASE_BUSY when the
 *   collision lasted; COMMIT_UNCERTAIN when the connection broke while the
 *   database was committing, so that nobody knows whether it did.
 */
export async function inTransaction<T>(
  database: Database,
  work: (trx: Queryable) => Promise<T>,
  options: { once?: boolean; patience?: number } = {},
): Promise<T> {
  // What is stored already would be stored twice by another try.
  if (database.commits === 'statement') return work(database.knex)
  const deadline = Date.now() + (options.patience ?? PATIENCE)
  // A unit within another one is a part of its try.
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
 * Waits before another try, at random, longer each time up to several times what a try
 * takes, so that of several that keep colliding one has the time to get through. Much
 * longer pauses would only mean fewer tries where others never stop.
 *
 * @param took milliseconds of the last try.
 * @throws VdcError INTERRUPTED, TERMINATED.
 */
async function pause(database: Database, attempt: number, took: number): Promise<void> {
  const longest = Math.max(SHORTEST_PAUSE * 2 ** Math.min(attempt, 6), took * 2 ** Math.min(attempt, 3))
  const wait = Math.random() * Math.min(LONGEST_PAUSE, longest)
  await sleep(wait, undefined, { signal: database.interruption.signal }).catch(() => {})
  database.interruption.throwIfRequested()
}

/**
 * Runs `work` on a database whose units of work are all committed together at
 * its end, or none of them; as a unit of work it may be run again, unless `once`.
 *
 * @throws VdcError as `inTransaction`.
 */
export async function allTogether<T>(
  database: Database,
  work: (together: Database) => Promise<T>,
  options: { once: boolean },
): Promise<T> {
  // In a dry run all is undone at the end, so that what is done first is there for what comes next.
  const together = { ...database, commits: 'outer' as const, dryRun: undefined }
  return inTransaction(database, (trx) => work({ ...together, knex: trx }), {
    ...options,
    patience: PATIENCE_TOGETHER,
  })
}

/** The same database, on which every statement is committed by itself. */
export function byStatement(database: Database): Database {
  // A dry run commits nothing.
  return database.dryRun ? database : { ...database, commits: 'statement' }
}

/** The same database, on which a unit of work is committed as a whole also where others commit by the statement. */
export function byUnit(database: Database): Database {
  return database.commits === 'statement' ? { ...database, commits: 'unit' } : database
}

/**
 * The same database, on which every unit of work is undone at its end: in a
 * transaction of its own, or where all is committed together, to a savepoint.
 *
 * @param onWritten told what a unit that didn't fail had written.
 */
export function dryRun(database: Database, onWritten: (written: readonly WrittenRow[]) => void): Database {
  return { ...database, commits: database.commits === 'outer' ? 'outer' : 'unit', dryRun: onWritten }
}

/** Ends a transaction in which all went well, and nothing is to stay. */
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
          hint: 'Look before you try again: vdc-manage image list',
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
 * Says whether a COMMIT that failed may have committed anyway: where the server
 * did not answer, or says that it failed on the way, as a node of a cluster does that
 * loses the others meanwhile. One that refuses to begin (1047) did not.
 */
function isUncertain({ engine }: Database, { code, cause }: VdcError): boolean {
  const isOnTheWay = (cause as { code?: string } | undefined)?.code === 'ER_ERROR_DURING_COMMIT'
  const isUnanswered = ['DATABASE_UNREACHABLE', 'DATABASE_CONNECTION_LOST', 'INTERNAL_ERROR'].includes(code)
  return engine === 'mysql' && (isOnTheWay || isUnanswered)
}

/**
 * For a unit of work that finds, between two of its queries, that another
 * process has just stored what it was about to store itself: thrown, it makes
 * the unit run again. (READ COMMITTED shows what was committed meanwhile.)
 */
export function lostRace(what: string): VdcError {
  return new VdcError('DATABASE_BUSY', `Another process is storing ${what} at the same moment`, { hint: 'Try again' })
}

function isWorthAnotherTry(database: Database, error: unknown, attempt: number): boolean {
  if (!(error instanceof VdcError)) return false
  if (error.code === 'DUPLICATE_KEY') return attempt < MOST_DUPLICATES
  // A deadlock undoes the whole outer transaction, so that is what has to be run again.
  return error.code === 'DATABASE_BUSY' && database.commits === 'unit'
}
