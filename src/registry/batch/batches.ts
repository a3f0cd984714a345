import { asVdcError, endsTransaction, isOfHost, type VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { inTransaction } from '../../db/transactions/unit-of-work.ts'
import type { Registry } from '../registry.ts'
import { canonicalId, type Kind, parseId } from '../rules/identifiers.ts'

/*
 * Changes many things, up to 200 in one unit of work (docs/decisions/0019). Answers and
 * rows are the same as if each thing were changed alone.
 */

/** Things in one unit of work. Others who want one of their rows wait some hundredths of a second. */
const MOST = 200
/** The same on a cluster, where ending a thing writes 16 claims, and a large write set holds up all nodes. */
const MOST_ON_CLUSTER = 50
/** Milliseconds after which a batch that keeps colliding is done one by one, so that one contended row holds up no other. */
const PATIENCE = 2_000

/** What became of one of several things; `id` as it was given. */
export type Outcome<T> = { id: string; result: T } | { id: string; error: VdcError }

/** One of the things that a batch is about; no other of the batch has its uuid. */
export interface Item<G = unknown> {
  readonly uuid: string
  /** The canonical id. */
  readonly id: string
  /** What `Job.prepare` made for it. */
  readonly given: G
  /** The registry; it prints warnings only after the outcomes of all earlier things. */
  readonly registry: Registry
  /** Why nothing is done to it. */
  refusal: VdcError | undefined
}

/** The work on many things. */
interface Job<T, G> {
  /**
   * Checks each thing before the database is queried; by default, nothing is checked.
   *
   * @throws VdcError that refuses it.
   */
  prepare?: (registry: Registry, uuid: string) => Promise<G>
  /**
   * Does the work in one unit of work, which may run again, also with fewer things. An
   * error undoes the whole unit. To refuse one thing, it sets its `refusal` before it
   * writes anything for it (`decide`).
   *
   * @returns the results of the things that are not refused.
   */
  work: (db: Queryable, items: readonly Item<G>[]) => Promise<ReadonlyMap<Item<G>, T>>
  /** It only reads, without a transaction. */
  reads?: boolean
}

/** An ID as given, and what `Job.prepare` found out about it. */
interface Candidate<G> {
  id: string
  uuid: string
  given: G
  /** Print the warnings about it. */
  told: (() => void)[]
  error?: VdcError
}

/**
 * Works on many things in batches, each a unit of work. The things of a batch that fails
 * as a whole are done one by one.
 *
 * @param ids with or without prefix; an invalid one is an outcome, too.
 * @returns the outcomes in the order of the ids, after their commit. A warning names the
 *   things of a batch whose outcomes nobody takes.
 * @throws VdcError for errors that concern all things, such as a lost connection.
 */
export async function* inBatches<T, G = undefined>(
  registry: Registry,
  kind: Kind,
  ids: readonly string[],
  job: Job<T, G>,
): AsyncGenerator<Outcome<T>> {
  for (let start = 0; start < ids.length; ) {
    const batch: Candidate<G>[] = []
    const uuids = new Set<string>()
    for (const id of ids.slice(start, start + most(registry))) {
      const candidate = await prepared(registry, kind, id, job)
      // A repeated ID must see what was done the first time. Databases ignore case.
      const key = candidate.uuid.toLowerCase()
      if (uuids.has(key)) break
      uuids.add(key)
      batch.push(candidate)
    }
    start += batch.length
    yield* outcomesOf(registry, kind, batch, job)
  }
}

/** How many things a unit of work may have; one if each statement is committed alone, or if a dry run prints the rows of each thing. */
function most({ database }: Registry): number {
  if (database.commits === 'statement' || database.dryRun !== undefined) return 1
  return database.isCluster() ? MOST_ON_CLUSTER : MOST
}

async function prepared<T, G>(
  registry: Registry,
  kind: Kind,
  id: string,
  { prepare }: Job<T, G>,
): Promise<Candidate<G>> {
  // An invalid ID counts as its own uuid.
  const candidate: Candidate<G> = { id, uuid: id, given: undefined as G, told: [] }
  try {
    candidate.uuid = parseId(kind, id)
    if (prepare !== undefined) candidate.given = await prepare(tellingLater(registry, candidate.told), candidate.uuid)
  } catch (error) {
    candidate.error = asVdcError(error)
  }
  return candidate
}

/** The registry, with its warnings kept in `told` until it is their thing's turn. */
function tellingLater(registry: Registry, told: (() => void)[]): Registry {
  return {
    ...registry,
    warn: (text) => void told.push(() => registry.warn(text)),
    warnOnce: (text) => void told.push(() => registry.warnOnce(text)),
  }
}

async function* outcomesOf<T, G>(
  registry: Registry,
  kind: Kind,
  batch: readonly Candidate<G>[],
  job: Job<T, G>,
): AsyncGenerator<Outcome<T>> {
  let outcomes: Told<T>[]
  try {
    outcomes = await inOneUnit(registry, kind, batch, job)
  } catch (error) {
    if (isFinal(registry, error)) throw error
    for (const candidate of batch) yield* outcomesOf(registry, kind, [candidate], job)
    return
  }
  let count = 0
  try {
    for (const { told, outcome } of outcomes) {
      for (const tell of told) tell()
      yield outcome
      count++
    }
  } finally {
    // As where stdout is full: whoever takes the outcomes takes no more, and all of them are committed.
    const untold = outcomes.slice(count).flatMap(({ outcome }) => ('result' in outcome ? [outcome.id] : []))
    if (untold.length > 0 && !job.reads) registry.warn(`Done, but not printed: ${untold.join(', ')}`)
  }
}

interface Told<T> {
  outcome: Outcome<T>
  told: readonly (() => void)[]
}

/** @throws VdcError if a unit of several things is undone. */
async function inOneUnit<T, G>(
  registry: Registry,
  kind: Kind,
  batch: readonly Candidate<G>[],
  { work, reads }: Job<T, G>,
): Promise<Told<T>[]> {
  const valid = batch.filter(({ error }) => error === undefined)
  let attempts = new Map<Candidate<G>, Attempt<G>>()
  let results: ReadonlyMap<Item<G>, T> = new Map()
  const unit = async (db: Queryable) => {
    attempts = new Map(valid.map((candidate) => [candidate, attemptOf(registry, kind, candidate)]))
    results = await work(
      db,
      Array.from(attempts.values(), ({ item }) => item),
    )
  }
  let failure: VdcError | undefined
  try {
    if (valid.length > 0 && reads) await unit(registry.database.knex)
    else if (valid.length > 0)
      await inTransaction(registry.database, unit, batch.length === 1 ? {} : { patience: PATIENCE })
  } catch (error) {
    if (batch.length > 1) throw error
    failure = asVdcError(error)
  }
  return batch.map((candidate) => {
    const { id } = candidate
    const { item, told } = attempts.get(candidate) ?? { told: candidate.told }
    const result = item && results.get(item)
    const error = candidate.error ?? failure ?? item?.refusal
    const outcome = result !== undefined && failure === undefined ? { id, result } : { id, error: error as VdcError }
    return { outcome, told }
  })
}

/** A thing in one run of a unit of work, which begins anew when it runs again. */
interface Attempt<G> {
  item: Item<G>
  told: readonly (() => void)[]
}

function attemptOf<G>(registry: Registry, kind: Kind, { uuid, given, told }: Candidate<G>): Attempt<G> {
  const own = [...told]
  const item = {
    ...{ uuid, id: canonicalId(kind, uuid), given, refusal: undefined },
    registry: tellingLater(registry, own),
  }
  return { item, told: own }
}

/** Says whether an error would hit each next unit of work too, or leaves it unknown whether this one was undone. */
function isFinal({ database }: Registry, error: unknown): boolean {
  const { code } = asVdcError(error)
  return (
    isOfHost(code) ||
    ['COMMIT_UNCERTAIN', 'INTERRUPTED', 'TERMINATED'].includes(code) ||
    (database.commits === 'outer' && endsTransaction(code))
  )
}
