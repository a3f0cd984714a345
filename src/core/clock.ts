/**
 * Reads a monotonic clock, which never goes back, unlike the system clock.
 *
 * @returns milliseconds since the process started. `performance.now()` would load a Node
 *   module, which takes a millisecond.
 */
export function monotonicTime(): number {
  return process.uptime() * 1000
}
