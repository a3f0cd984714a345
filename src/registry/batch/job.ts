import type { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import type { Happened } from '../happened.ts'
import type { Registry } from '../registry.ts'

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
export interface Job<T, G> {
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

/** An ID or name as given, with the result of `Job.prepare`. */
export interface Candidate<G> {
  id: string
  uuid: string
  given: G
  /** Functions that print the warnings about it. */
  warnings: (() => void)[]
  error?: VdcError
}

/** Returns a registry that collects its warnings in `warnings`, to be printed with their item's outcome. */
export function deferringWarnings(registry: Registry, warnings: (() => void)[]): Registry {
  return {
    ...registry,
    warn: (text) => void warnings.push(() => registry.warn(text)),
    warnOnce: (text) => void warnings.push(() => registry.warnOnce(text)),
  }
}
