import { asVdcError, type VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import { inTransaction } from '../../db/transactions/unit-of-work.ts'
import { isNotFound, type Names } from '../names/names.ts'
import type { Registry } from '../registry.ts'
import { canonicalId, type Kind } from '../rules/identifiers.ts'
import { type Candidate, deferringWarnings, type Item, type Job, type Outcome } from './job.ts'

/** Milliseconds after which a batch that keeps colliding is split into single items, so that one contended row delays no other. */
const PATIENCE = 2_000

/** Thrown to roll back a unit of work in which IDs do not exist: it is run again once it is known which of them are names. */
export class MayBeNames extends Error {
  readonly words: readonly string[]

  constructor(words: readonly string[]) {
    super(`may be names: ${words.join(', ')}`)
    this.words = words
  }
}

/** An outcome, and functions that print the warnings about its item. */
export interface WithWarnings<T> {
  outcome: Outcome<T>
  warnings: readonly (() => void)[]
}

/**
 * Works on a batch in one unit of work.
 *
 * @returns the outcomes in the order of the batch.
 * @throws VdcError if a unit of work with several items fails; MayBeNames if words may be names.
 */
export async function inOneUnit<T, G>(
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
    await explainUnknown(db, kind, names, attempts)
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
 * Adds suggestions to the refusals of IDs that do not exist.
 *
 * @throws MayBeNames if some may be names. These are looked up after the rollback, because other items
 *   may have changed what has a name.
 */
async function explainUnknown<G>(
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
