/**
 * Reads a clock that never goes back, unlike that of the system.
 *
 * @returns milliseconds since the process started. `performance.now()` would load a module of
 *   Node, which takes a millisecond.
 */
export function monotonicTime(): number {
  return process.uptime() * 1000
}
