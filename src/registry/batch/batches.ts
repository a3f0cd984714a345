import { asVdcError, endsTransaction, isOfHost } from '../../core/errors.ts'
import { Names } from '../names/names.ts'
import type { Registry } from '../registry.ts'
import type { Kind } from '../rules/identifiers.ts'
import { type Candidate, deferringWarnings, type Job, type Outcome } from './job.ts'
import { inOneUnit, MayBeNames, type WithWarnings } from './one-unit.ts'

export type { Item, Outcome } from './job.ts'

/*
 * Changes many items, up to 200 in one unit of work (docs/decisions/0019). Output and
 * rows are the same as if each item were changed alone.
 */

/** Maximum number of items in one unit of work. Others who need one of their rows wait some hundredths of a second. */
const MOST = 200
/** The maximum on a cluster, where deleting an item writes 16 claims, and a large write set delays all nodes. */
const MOST_ON_CLUSTER = 50
/**
 * Works on many items in batches, each in one unit of work. If a batch fails as a whole,
 * its items are retried one by one.
 *
 * @param ids with or without prefix, or display names (`Names`); an invalid ID has an error as its outcome.
 * @returns the outcomes in the order of the IDs, after their commit. If the caller stops
 *   early, a warning names the items of the batch that were changed but not returned.
 * @throws VdcError for errors that concern all items, such as a lost connection.
 */
export async function* inBatches<T, G = undefined>(
  registry: Registry,
  kind: Kind,
  ids: readonly string[],
  job: Job<T, G>,
): AsyncGenerator<Outcome<T>> {
  yield* inBatchesNamed(registry, kind, ids, new Names(kind, ids, job.named), job)
}

async function* inBatchesNamed<T, G>(
  registry: Registry,
  kind: Kind,
  ids: readonly string[],
  names: Names,
  job: Job<T, G>,
): AsyncGenerator<Outcome<T>> {
  for (let start = 0; start < ids.length; ) {
    const batch: Candidate<G>[] = []
    const uuids = new Set<string>()
    for (const id of ids.slice(start, start + most(registry))) {
      const candidate = await prepared(registry, names, id, job)
      // A repeated ID must see the first change. Databases ignore case.
      const key = candidate.uuid.toLowerCase()
      if (uuids.has(key)) break
      uuids.add(key)
      batch.push(candidate)
    }
    start += batch.length
    yield* outcomesOf(registry, kind, batch, names, job)
  }
}

/**
 * Returns the maximum number of items in a unit of work: one if every statement is
 * committed on its own, or in a dry run, which prints the rows of each item.
 */
function most({ database }: Registry): number {
  if (database.commits === 'statement' || database.dryRun !== undefined) return 1
  return database.isCluster() ? MOST_ON_CLUSTER : MOST
}

async function prepared<T, G>(
  registry: Registry,
  names: Names,
  id: string,
  { prepare }: Job<T, G>,
): Promise<Candidate<G>> {
  // An invalid ID counts as its own uuid.
  const candidate: Candidate<G> = { id, uuid: id, given: undefined as G, warnings: [] }
  try {
    candidate.uuid = await names.uuidOf(registry.database.knex, id)
    if (prepare !== undefined)
      candidate.given = await prepare(deferringWarnings(registry, candidate.warnings), candidate.uuid)
  } catch (error) {
    candidate.error = asVdcError(error)
  }
  return candidate
}

async function* outcomesOf<T, G>(
  registry: Registry,
  kind: Kind,
  batch: readonly Candidate<G>[],
  names: Names,
  job: Job<T, G>,
): AsyncGenerator<Outcome<T>> {
  let outcomes: WithWarnings<T>[]
  try {
    outcomes = await inOneUnit(registry, kind, batch, names, job)
  } catch (error) {
    if (error instanceof MayBeNames) {
      const ids = batch.map(({ id }) => id)
      await names.find(registry.database.knex, error.words)
      yield* inBatchesNamed(registry, kind, ids, names, job)
      return
    }
    if (isFinal(registry, error)) throw error
    for (const candidate of batch) yield* outcomesOf(registry, kind, [candidate], names, job)
    return
  }
  let count = 0
  try {
    for (const { warnings, outcome } of outcomes) {
      for (const print of warnings) print()
      yield outcome
      count++
    }
  } finally {
    // The caller stops early, for example if stdout cannot be written, but all items are committed.
    const unprinted = outcomes.slice(count).flatMap(({ outcome }) => ('result' in outcome ? [outcome.id] : []))
    if (unprinted.length > 0 && !job.reads) registry.warn(`Done, but not printed: ${unprinted.join(', ')}`)
  }
}

/** Returns whether an error would affect every further unit of work, or leaves it unknown whether this one was committed. */
function isFinal({ database }: Registry, error: unknown): boolean {
  const { code } = asVdcError(error)
  return (
    isOfHost(code) ||
    ['COMMIT_UNCERTAIN', 'INTERRUPTED', 'TERMINATED'].includes(code) ||
    (database.commits === 'outer' && endsTransaction(code))
  )
}
