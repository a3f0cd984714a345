import type { Queryable } from '../db/database.ts'
import { inTransaction } from '../db/unit-of-work.ts'
import { asVdcError, endsTransaction, isOfHost, VdcError } from '../errors.ts'
import { canonicalId, type Kind, parseId } from './identifiers.ts'
import type { Registry } from './registry.ts'

/*
 * The same done to many things, some hundred in one unit of work
 * (docs/decisions/0019): the same answers and the same rows as if each were done alone.
 */

/** Things in one unit of work: whoever wants one of their rows waits some hundredths of a second. */
const MOST = 200
/** The same on a cluster, where what ends a thing writes 16 claims, and all nodes wait for a large write set. */
const MOST_ON_CLUSTER = 50
/** Milliseconds after which a batch that keeps colliding is done one by one, so that one row that others want keeps back no other. */
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
  /** The registry, whose warnings are told when all before this one is told. */
  readonly registry: Registry
  /** Why nothing is done to it. */
  refusal: VdcError | undefined
}

/** What is done to many things. */
interface Job<T, G> {
  /**
   * What can be said of each thing before the database is asked; by default nothing.
   *
   * @throws VdcError that refuses it.
   */
  prepare?: (registry: Registry, uuid: string) => Promise<G>
  /**
   * Does it, in one unit of work that may be run again, also of fewer things. What it
   * throws undoes the whole unit; to refuse one thing is to set its `refusal` before
   * anything is written for it (`decide`).
   *
   * @returns what came of each thing that is not refused.
   */
  work: (db: Queryable, items: readonly Item<G>[]) => Promise<ReadonlyMap<Item<G>, T>>
  /** Nothing is written, and no transaction needed. */
  reads?: boolean
}

/** An id that was given, and what is known of it before the database is asked. */
interface Candidate<G> {
  id: string
  uuid: string
  given: G
  /** Tells what is to be told of it. */
  told: (() => void)[]
  error?: VdcError
}

/**
 * Does the same to many things: each is an item of a unit of work with some others.
 * Where such a unit fails as a whole, its things are done one by one.
 *
 * @param ids with or without prefix; what is wrong with one is its outcome.
 * @returns the outcomes in the order of the ids, each when it is committed.
 * @throws VdcError of what ends all, such as a lost connection.
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
      // What becomes of it the second time depends on the first; and databases ignore case.
      const key = candidate.uuid.toLowerCase()
      if (uuids.has(key)) break
      uuids.add(key)
      batch.push(candidate)
    }
    start += batch.length
    yield* outcomesOf(registry, kind, batch, job)
  }
}

/** How many things a unit of work may have: one where each statement is committed alone, and where a dry run tells what each thing would write. */
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
  // A word that is no id is the same word each time.
  const candidate: Candidate<G> = { id, uuid: id, given: undefined as G, told: [] }
  try {
    candidate.uuid = parseId(kind, id)
    if (prepare !== undefined) candidate.given = await prepare(tellingLater(registry, candidate.told), candidate.uuid)
  } catch (error) {
    candidate.error = asVdcError(error)
  }
  return candidate
}

/** The registry with warnings that are told in the turn of the thing that they are about. */
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
  for (const { told, outcome } of outcomes) {
    for (const tell of told) tell()
    yield outcome
  }
}

interface Told<T> {
  outcome: Outcome<T>
  told: readonly (() => void)[]
}

/** @throws VdcError what undid the unit of several things. */
async function inOneUnit<T, G>(
  registry: Registry,
  kind: Kind,
  batch: readonly Candidate<G>[],
  { work, reads }: Job<T, G>,
): Promise<Told<T>[]> {
  let items = new Map<Candidate<G>, Item<G>>()
  let told = new Map<Candidate<G>, (() => void)[]>()
  let results: ReadonlyMap<Item<G>, T> = new Map()
  const unit = async (db: Queryable) => {
    items = new Map()
    told = new Map()
    for (const candidate of batch.filter(({ error }) => error === undefined)) {
      const { uuid, given } = candidate
      const own = [...candidate.told]
      told.set(candidate, own)
      items.set(candidate, {
        ...{ uuid, id: canonicalId(kind, uuid), given, refusal: undefined },
        registry: tellingLater(registry, own),
      })
    }
    results = await work(db, [...items.values()])
  }
  let failure: VdcError | undefined
  if (batch.some(({ error }) => error === undefined)) {
    try {
      if (reads) await unit(registry.database.knex)
      else await inTransaction(registry.database, unit, batch.length === 1 ? {} : { patience: PATIENCE })
    } catch (error) {
      if (batch.length > 1) throw error
      failure = asVdcError(error)
    }
  }
  return batch.map((candidate) => {
    const { id } = candidate
    const item = items.get(candidate)
    const result = item && results.get(item)
    const error = candidate.error ?? failure ?? item?.refusal
    const outcome = result !== undefined && failure === undefined ? { id, result } : { id, error: error as VdcError }
    return { outcome, told: told.get(candidate) ?? candidate.told }
  })
}

/** Says whether what undid a unit of work would undo each next one too, or whether nobody knows if it is undone. */
function isFinal({ database }: Registry, error: unknown): boolean {
  const { code } = asVdcError(error)
  return (
    isOfHost(code) ||
    ['COMMIT_UNCERTAIN', 'INTERRUPTED', 'TERMINATED'].includes(code) ||
    (database.commits === 'outer' && endsTransaction(code))
  )
}

/** Exit codes of errors that are about one thing: a value is refused, it isn't there, or in a state in which that can't be done. */
const REFUSALS: readonly number[] = [3, 4, 5]

/**
 * Decides, one after the other, what is to be done to each item that is not refused yet.
 *
 * @param decision what is to be done; undefined for nothing. A refusal that it throws
 *   (`IMAGE_NOT_FOUND`, not a lost connection) is the item's.
 * @returns what is to be done to whom, in the order of the items.
 * @throws VdcError what else `decision` throws.
 */
export async function decide<I extends Item, V>(
  items: Iterable<I>,
  decision: (item: I) => Promise<V | undefined> | V | undefined,
): Promise<Map<I, V>> {
  const decided = new Map<I, V>()
  for (const item of items) {
    if (item.refusal !== undefined) continue
    try {
      const value = await decision(item)
      if (value !== undefined) decided.set(item, value)
    } catch (error) {
      if (!(error instanceof VdcError) || error.code === 'DUPLICATE_KEY' || !REFUSALS.includes(error.exit)) throw error
      item.refusal = error
    }
  }
  return decided
}

/** The canonical ids of items. */
export function idsOf(items: Iterable<Item>): string[] {
  return Array.from(items, ({ id }) => id)
}

/** Asks once for each key, and tells whoever asks again the same answer or the same refusal. */
export function askedOnce<K, V>(ask: (key: K) => Promise<V>): (key: K) => Promise<V> {
  const answers = new Map<K, Promise<V>>()
  return (key) => {
    const answer = answers.get(key) ?? ask(key)
    answers.set(key, answer)
    return answer
  }
}
