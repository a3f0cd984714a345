import type { Moment } from './event.ts'

/** Milliseconds after which a connection that was opened is no longer expected at the service. */
const PATIENCE = 10_000

/**
 * Counts the connections of a guest to the metadata service. QEMU starts a process for each as soon as the guest opens
 * it, long before the service accepts it.
 */
export class ConnectionCount {
  /** The moments of those that are not accepted yet. */
  #opened: Moment[] = []
  #accepted = 0

  /** Notes connections that the guest has opened. */
  open(count: number, at: Moment): void {
    for (let opened = 0; opened < count; opened++) this.#opened.push(at)
  }

  /** Notes that the service has accepted one, or that it was closed. */
  accept(isOpen: boolean): void {
    this.#accepted += isOpen ? 1 : -1
    if (isOpen) this.#opened.shift()
  }

  /** Returns how many there are at once. */
  atOnce(now: Moment): number {
    this.#opened = this.#opened.filter((at) => now - at < PATIENCE)
    return this.#opened.length + this.#accepted
  }
}
