import { asVdcError, endsTransaction, isOfHost, type VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { inTransaction } from '../../db/transactions/unit-of-work.ts'
import type { Happened } from '../happened.ts'
import { isNotFound, Names } from '../names/names.ts'
import type { Registry } from '../registry.ts'
import { canonicalId, type Kind } from '../rules/identifiers.ts'

/*
 * Changes many items, up to 200 in one unit of work (docs/decisions/0019). Output and
 * rows are the same as if each item were changed alone.
 */

/** Maximum number of items in one unit of work. Others who need one of their rows wait some hundredths of a second. */
const MOST = 200
/** The maximum on a cluster, where deleting an item writes 16 claims, and a large write set delays all nodes. */
const MOST_ON_CLUSTER = 50
/** Milliseconds after which a batch that keeps colliding is split into single items, so that one contended row delays no other. */
const PATIENCE = 2_000

/** The result or error of one item; `id` is the ID or name as given. */
export type Outcome<T> = { id: string; result: T; happened?: Happened | undefined } | { id: string; error: VdcError }

/** One item of a batch. Its uuid is unique within the batch. */
export interface Item<G = unknown> {
  readonly uuid: string
  /** The canonical ID. */
  readonly id: string
  /** The result of `Job.prepare`. */
  readonly given: G
  /** The registry. Its warnings are printed only after the outcomes of all earlier items. */
  readonly registry: Registry
  /** Why the item is refused; undefined if it is not. */
  refusal: VdcError | undefined
  /** What the work did with the item, for its outcome; undefined if there is nothing to tell. */
  happened: Happened | undefined
}

/** The work on many items. */
interface Job<T, G> {
  /**
   * Checks an item before the database is queried. By default, nothing is checked.
   *
   * @throws VdcError if the item is refused.
   */
  prepare?: (registry: Registry, uuid: string) => Promise<G>
  /**
   * Does the work within one unit of work, which may run again, possibly with fewer items.
   * An error rolls back the whole unit. To refuse a single item, set its `refusal` before
   * writing anything for it (`decide`).
   *
   * @returns the results of the items that are not refused.
   */
  work: (db: Queryable, items: readonly Item<G>[]) => Promise<ReadonlyMap<Item<G>, T>>
  /** Whether the work only reads, and needs no transaction. */
  reads?: boolean
  /** Whether display names stand for things that are not deleted, as by default, or for deleted ones. */
  named?: 'alive' | 'deleted'
}

/** Thrown to roll back a unit of work in which IDs do not exist: it is run again once it is known which of them are names. */
class MayBeNames extends Error {
  readonly words: readonly string[]

  constructor(words: readonly string[]) {
    super(`may be names: ${words.join(', ')}`)
    this.words = words
  }
}

/** An ID or name as given, with the result of `Job.prepare`. */
interface Candidate<G> {
  id: string
  uuid: string
  given: G
  /** Functions that print the warnings about it. */
  warnings: (() => void)[]
  error?: VdcError
}

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

/** Returns a registry that collects its warnings in `warnings`, to be printed with their item's outcome. */
function deferringWarnings(registry: Registry, warnings: (() => void)[]): Registry {
  return {
    ...registry,
    warn: (text) => void warnings.push(() => registry.warn(text)),
    warnOnce: (text) => void warnings.push(() => registry.warnOnce(text)),
  }
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

interface WithWarnings<T> {
  outcome: Outcome<T>
  warnings: readonly (() => void)[]
}

/** @throws VdcError if a unit of work with several items fails; MayBeNames if words may be names. */
async function inOneUnit<T, G>(
  registry: Registry,
  kind: Kind,
  batch: readonly Candidate<G>[],
  names: Names,
  { work, reads }: Job<T, G>,
): Promise<WithWarnings<T>[]> {
  const valid = batch.filter(({ error }) => error === undefined)
  let attempts = new Map<Candidate<G>, Attempt<G>>()
  let results: ReadonlyMap<Item<G>, T> = new Map()
  const unit = async (db: Queryable) => {
    attempts = new Map(valid.map((candidate) => [candidate, attemptOf(registry, kind, candidate)]))
    results = await work(
      db,
      Array.from(attempts.values(), ({ item }) => item),
    )
    await heedNames(db, kind, names, attempts)
  }
  let failure: VdcError | undefined
  try {
    if (valid.length > 0 && reads) await unit(registry.database.knex)
    else if (valid.length > 0)
      await inTransaction(registry.database, unit, batch.length === 1 ? {} : { patience: PATIENCE })
  } catch (error) {
    if (batch.length > 1 || error instanceof MayBeNames) throw error
    failure = asVdcError(error)
  }
  return batch.map((candidate) => {
    const { id } = candidate
    const { item, warnings } = attempts.get(candidate) ?? { warnings: candidate.warnings }
    const result = item && results.get(item)
    const error = candidate.error ?? failure ?? item?.refusal
    const outcome =
      result !== undefined && failure === undefined
        ? { id, result, happened: item?.happened }
        : { id, error: error as VdcError }
    return { outcome, warnings }
  })
}

/** An item in one run of a unit of work; every run starts with a new one. */
interface Attempt<G> {
  item: Item<G>
  warnings: readonly (() => void)[]
}

function attemptOf<G>(registry: Registry, kind: Kind, { uuid, given, warnings }: Candidate<G>): Attempt<G> {
  const own = [...warnings]
  const item = {
    ...{ uuid, id: canonicalId(kind, uuid), given, refusal: undefined, happened: undefined },
    registry: deferringWarnings(registry, own),
  }
  return { item, warnings: own }
}

/**
 * Adds to the refusals of IDs that do not exist what may have been meant.
 *
 * @throws MayBeNames if some may be names. These are looked up after the rollback, because other items
 *   may have changed what has a name.
 */
async function heedNames<G>(
  db: Queryable,
  kind: Kind,
  names: Names,
  attempts: ReadonlyMap<Candidate<G>, Attempt<G>>,
): Promise<void> {
  const unknown = [...attempts].filter(([, { item }]) => isNotFound(kind, item.refusal))
  if (unknown.length === 0) return
  const words = unknown.map(([{ id }]) => id).filter((word) => names.isOpen(word))
  if (words.length > 0) throw new MayBeNames(words)
  for (const [{ id }, { item }] of unknown) item.refusal = await names.explained(db, id, item.refusal as VdcError)
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
