/*
 * Loaded into a thread before its own code: notifications come late now and then,
 * as on a busy machine, where a thread may stand still between storing a value and
 * telling of it. `?chance=0.1&milliseconds=2` of its URL says how often and how late, at most.
 */
const { searchParams } = new URL(import.meta.url)
const chance = Number(searchParams.get('chance'))
const most = Number(searchParams.get('milliseconds'))
const notify = Atomics.notify

Atomics.notify = (...args) => {
  if (Math.random() < chance) standStill(Math.random() * most)
  return notify(...args)
}

/** Spins, as a sleep would be far longer. */
function standStill(milliseconds) {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}
