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
   * As `throwIfRequested`, before a statement is sent. Undoing is what an interruption asks for.
   *
   * @throws VdcError INTERRUPTED.
   */
  throwBefore(sql: string): void {
    if (!/^\s*rollback\b/i.test(sql)) this.throwIfRequested()
  }
}
