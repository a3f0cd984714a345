import { setTimeout as sleep } from 'node:timers/promises'
import type { Knex } from 'knex'
import { VdcError } from '../errors.ts'
import type { Database } from './database.ts'

/** Milliseconds after which a unit of work that keeps colliding is given up. */
const PATIENCE = 30_000
const LONGEST_PAUSE = 500

/**
 * Runs `work` in one transaction: all of it is committed, or none.
 *
 * It is run again from its start, in a new transaction, when the database
 * reports a deadlock, a lock that wasn't had in time or a failed Galera
 * certification (DATABASE_BUSY), or a unique key that another process took
 * first (DUPLICATE_KEY): the second time `work` sees what that process did.
 * So `work` must look before it inserts and have no effect but on `trx`.
 *
 * @throws VdcError what `work` threw; DUPLICATE_KEY or DATABASE_BUSY when the
 *   collision lasted; COMMIT_UNCERTAIN when the connection broke while the
 *   database was committing, so that nobody knows whether it did.
 */
export async function inTransaction<T>(database: Database, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(database, work)
    } catch (error) {
      if (!isWorthAnotherTry(error) || Date.now() > deadline) throw error
      await sleep(Math.random() * Math.min(LONGEST_PAUSE, 10 * 2 ** attempt))
    }
  }
}

async function once<T>(database: Database, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  let committing = false
  let workError: unknown
  try {
    return await database.knex.transaction(async (trx) => {
      try {
        const result = await work(trx)
        committing = true
        return result
      } catch (error) {
        workError = error
        throw error
      }
    })
  } catch (error) {
    if (committing && error instanceof VdcError && error.code === 'DATABASE_UNREACHABLE') {
      throw new VdcError(
        'COMMIT_UNCERTAIN',
        `${error.message}, while it was committing: the change may or may not be stored`,
        {
          hint: 'Look before you try again: vdc-manage image list',
          cause: error,
        },
      )
    }
    // Where ROLLBACK fails too, knex reports that failure instead of the first one.
    throw workError instanceof VdcError ? workError : error
  }
}

/**
 * For a unit of work that finds, between two of its queries, that another
 * process has just stored what it was about to store itself: thrown, it makes
 * the unit run again. (READ COMMITTED shows what was committed meanwhile.)
 */
export function lostRace(what: string): VdcError {
  return new VdcError('DATABASE_BUSY', `Another process is storing ${what} at the same moment`, { hint: 'Try again' })
}

function isWorthAnotherTry(error: unknown): boolean {
  return error instanceof VdcError && (error.code === 'DATABASE_BUSY' || error.code === 'DUPLICATE_KEY')
}
