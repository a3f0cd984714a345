/*
 * Loaded into a thread before its own code. Delays some notifications, as on a busy machine,
 * where a thread may pause between storing a value and notifying others. The URL sets the
 * probability and the longest delay: `?chance=0.1&milliseconds=2`.
 */
const { searchParams } = new URL(import.meta.url)
const chance = Number(searchParams.get('chance'))
const most = Number(searchParams.get('milliseconds'))
const notify = Atomics.notify

Atomics.notify = (...args) => {
  if (Math.random() < chance) standStill(Math.random() * most)
  return notify(...args)
}

/** Spins, because a sleep would last much longer. */
function standStill(milliseconds) {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}
