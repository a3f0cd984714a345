import type { Queryable } from '../database.ts'
import { sqlTime } from '../sql/time.ts'
import { insert, marks, write } from '../statement.ts'

/*
 * Row locks work within one node. The nodes of a Galera cluster compare only the rows
 * that transactions changed, so deleting a thing on one node and adding a reference to
 * it on another would both succeed. A claim is a label of the thing that is written and
 * deleted in the same transaction. It leaves no trace, but two transactions that wrote
 * the same claim collide (docs/decisions/0016).
 */

/**
 * The number of claim labels of a thing. A transaction that refers to the thing writes
 * one of them, so that two such transactions rarely collide; one that deletes it writes all.
 */
const SLOTS = 16

const slotName = (slot: number) => `vdc-manage.use.${slot}`
const ALL_SLOTS = Array.from({ length: SLOTS }, (_, slot) => slot)

/** The slot of each transaction on a cluster. */
const slots = new WeakMap<Queryable, number>()

/**
 * Turns on claims in a transaction on a node of a cluster. A nested transaction uses the
 * slot of its outer transaction.
 */
export function enableClaims(trx: Queryable, outer: Queryable): void {
  slots.set(trx, slots.get(outer) ?? Math.floor(Math.random() * SLOTS))
}

/**
 * Keeps things from being deleted on another node until this transaction, which adds
 * references to them, is committed. Call this before checking that they exist: a
 * deletion is then either visible or collides. Does nothing outside a cluster.
 *
 * @param ids canonical, without duplicates.
 */
export async function claimUse(db: Queryable, ...ids: string[]): Promise<void> {
  const slot = slots.get(db)
  if (slot !== undefined) await claim(db, ids, [slot])
}

/**
 * Keeps references to things from being added on another node until this transaction,
 * which deletes the things, is committed. Call this before checking whether they are in
 * use. Does nothing outside a cluster.
 *
 * @param ids canonical, without duplicates.
 */
export async function claimEnd(db: Queryable, ...ids: string[]): Promise<void> {
  if (slots.has(db)) await claim(db, ids, ALL_SLOTS)
}

async function claim(db: Queryable, ids: readonly string[], taken: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  const names = taken.map(slotName)
  const now = sqlTime(new Date())
  const label = { value_type: 1, created_at: now, updated_at: now }
  // All transactions use the same order, so that they deadlock less often.
  const sorted = [...ids].sort()
  const rows = sorted.flatMap((id) => names.map((name) => ({ resource_uuid: id, name, ...label })))
  await insert(db, 'resource_labels', rows)
  const own = `resource_uuid IN ${marks(sorted)} AND name IN ${marks(names)}`
  await write(db, `DELETE FROM resource_labels WHERE ${own}`, [...sorted, ...names])
}
