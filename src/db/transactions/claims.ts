import type { Queryable } from '../database.ts'
import { sqlTime } from '../sql/time.ts'
import { insert, marks, write } from '../statement.ts'

/*
 * Row locks hold on one node. The nodes of a Galera cluster certify what is
 * committed by the rows that it changed, so that deleting a thing on one node and
 * referring to it anew on another would both succeed. A claim is a label of the
 * thing that is written and removed in the same transaction: nothing of it is left,
 * but two transactions that wrote the same one collide (docs/decisions/0016).
 */

/**
 * Labels of a thing that claims choose from. Who uses a thing writes one of them,
 * so that two users rarely collide; who ends it writes all.
 */
const SLOTS = 16

const slotName = (slot: number) => `vdc-manage.use.${slot}`
const ALL_SLOTS = Array.from({ length: SLOTS }, (_, slot) => slot)

/** The slot of each transaction that needs claims. */
const slots = new WeakMap<Queryable, number>()

/**
 * Has claims be made in a transaction, which is on a node of a cluster; one that is
 * a part of another uses the slot of that.
 */
export function enableClaims(trx: Queryable, outer: Queryable): void {
  slots.set(trx, slots.get(outer) ?? Math.floor(Math.random() * SLOTS))
}

/**
 * Keeps things from ending on another node while this transaction, which refers to
 * them anew, is not committed. Must come before the look whether they are there:
 * what ends them is then either seen, or collides. Does nothing outside a cluster.
 *
 * @param ids canonical; nothing may be repeated.
 */
export async function claimUse(db: Queryable, ...ids: string[]): Promise<void> {
  const slot = slots.get(db)
  if (slot !== undefined) await claim(db, ids, [slot])
}

/**
 * Keeps others from referring to things anew on another node while this
 * transaction, which ends them, is not committed. Must come before the look whether
 * they are used. Does nothing outside a cluster.
 *
 * @param ids canonical; nothing may be repeated.
 */
export async function claimEnd(db: Queryable, ...ids: string[]): Promise<void> {
  if (slots.has(db)) await claim(db, ids, ALL_SLOTS)
}

async function claim(db: Queryable, ids: readonly string[], taken: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  const names = taken.map(slotName)
  const now = sqlTime(new Date())
  const label = { value_type: 1, created_at: now, updated_at: now }
  // In one order everywhere, so that two transactions wait for each other less often.
  const sorted = [...ids].sort()
  const rows = sorted.flatMap((id) => names.map((name) => ({ resource_uuid: id, name, ...label })))
  await insert(db, 'resource_labels', rows)
  const own = `resource_uuid IN ${marks(sorted)} AND name IN ${marks(names)}`
  await write(db, `DELETE FROM resource_labels WHERE ${own}`, [...sorted, ...names])
}
