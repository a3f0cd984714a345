import { VdcError } from '../errors.ts'

/** Somebody's wish that what runs shall end, such as Ctrl-C in the shell. */
export class Interruption {
  #requested = false

  request(): void {
    this.#requested = true
  }

  /** Before something else is begun. */
  reset(): void {
    this.#requested = false
  }

  /** @throws VdcError INTERRUPTED. */
  throwIfRequested(): void {
    if (this.#requested) throw new VdcError('INTERRUPTED', 'Interrupted')
  }

  /**
   * As `throwIfRequested`, before a statement is sent; but transactions are
   * always ended, as an open one would take what comes after it along.
   *
   * @throws VdcError INTERRUPTED.
   */
  throwBefore(sql: string): void {
    if (!/^\s*(?:rollback|commit)\b/i.test(sql)) this.throwIfRequested()
  }
}
