import { type ErrorCode, VdcError } from './errors.ts'

/** Why something shall end: Ctrl-C and the like, or a request to terminate. Each has its own exit code. */
export type InterruptionCode = Extract<ErrorCode, 'INTERRUPTED' | 'TERMINATED'>

const MESSAGES: Readonly<Record<InterruptionCode, string>> = { INTERRUPTED: 'Interrupted', TERMINATED: 'Terminated' }

/** Somebody's wish that what runs shall end, such as Ctrl-C. */
export class Interruption {
  #controller = new AbortController()

  /** Aborted when it is requested; another one after each `reset`. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Requests it; of several requests the first one counts. */
  request(code: InterruptionCode = 'INTERRUPTED'): void {
    this.#controller.abort(code)
  }

  /** Before something else is begun. */
  reset(): void {
    if (this.signal.aborted) this.#controller = new AbortController()
  }

  /** @throws VdcError INTERRUPTED or TERMINATED. */
  throwIfRequested(): void {
    if (!this.signal.aborted) return
    const code: InterruptionCode = this.signal.reason
    throw new VdcError(code, MESSAGES[code])
  }

  /**
   * As `throwIfRequested`, before a statement is sent; but transactions are
   * always ended, as an open one would take what comes after it along.
   *
   * @throws VdcError INTERRUPTED or TERMINATED.
   */
  throwBefore(sql: string): void {
    if (!/^\s*(?:rollback|commit)\b/i.test(sql)) this.throwIfRequested()
  }
}
