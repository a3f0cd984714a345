import { type ErrorCode, VdcError } from './errors.ts'

/** The reason for an interruption: Ctrl-C and similar, or a request to terminate. Each has its own exit code. */
export type InterruptionCode = Extract<ErrorCode, 'INTERRUPTED' | 'TERMINATED'>

const MESSAGES: Readonly<Record<InterruptionCode, string>> = { INTERRUPTED: 'Interrupted', TERMINATED: 'Terminated' }

/** A request to stop the running work, for example with Ctrl-C. */
export class Interruption {
  #controller = new AbortController()
  /** Copy of `signal.aborted`, which is slow to read and checked for every statement. */
  #isRequested = false
  /** Set while the database commits. If the program stopped waiting then, the outcome would be unknown. */
  isCommitting = false

  /** Aborted when an interruption is requested. `reset` replaces it. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Requests an interruption. If called several times, the first reason counts. */
  request(code: InterruptionCode = 'INTERRUPTED'): void {
    this.#isRequested = true
    this.#controller.abort(code)
  }

  /** Clears the request before other work begins. */
  reset(): void {
    if (!this.#isRequested) return
    this.#isRequested = false
    this.#controller = new AbortController()
  }

  /** @throws VdcError INTERRUPTED or TERMINATED if an interruption was requested. */
  throwIfRequested(): void {
    if (this.#isRequested) this.#refuse(this.signal)
  }

  #refuse({ reason }: AbortSignal): never {
    const code: InterruptionCode = reason
    throw new VdcError(code, MESSAGES[code])
  }

  /**
   * Waits for work that may never end, such as reading from a pipe, until it ends or an interruption is requested.
   *
   * @returns the result of `work`.
   * @throws VdcError INTERRUPTED or TERMINATED if requested first; and the errors of `work`.
   */
  async before<T>(work: Promise<T>): Promise<T> {
    const { signal } = this
    let onAbort = () => {}
    const requested = new Promise<void>((resolve) => {
      onAbort = resolve
      signal.addEventListener('abort', onAbort)
      if (signal.aborted) resolve()
    })
    // If nobody waits for the work any longer, its error must not end the process.
    work.catch(() => {})
    try {
      return await Promise.race([work, requested.then(() => this.#refuse(signal))])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /**
   * As `throwIfRequested`, for use before a statement is sent. Does not throw for COMMIT and
   * ROLLBACK, as later statements would become part of a transaction that stays open.
   *
   * @throws VdcError INTERRUPTED or TERMINATED if an interruption was requested.
   */
  throwBefore(sql: string): void {
    if (!/^\s*(?:rollback|commit)\b/i.test(sql)) this.throwIfRequested()
  }
}
