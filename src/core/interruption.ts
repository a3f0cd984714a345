import { type ErrorCode, VdcError } from './errors.ts'

/** Why something shall end: Ctrl-C and the like, or a request to terminate. Each has its own exit code. */
export type InterruptionCode = Extract<ErrorCode, 'INTERRUPTED' | 'TERMINATED'>

const MESSAGES: Readonly<Record<InterruptionCode, string>> = { INTERRUPTED: 'Interrupted', TERMINATED: 'Terminated' }

/** Somebody's wish that what runs shall end, such as Ctrl-C. */
export class Interruption {
  #controller = new AbortController()
  /** What `signal.aborted` says, which Node takes long to tell: it is asked for every statement. */
  #isRequested = false
  /** Set while the database commits: whoever gives up waiting then would not know the outcome. */
  isCommitting = false

  /** Aborted when it is requested; another one after each `reset`. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Requests it; of several requests the first one counts. */
  request(code: InterruptionCode = 'INTERRUPTED'): void {
    this.#isRequested = true
    this.#controller.abort(code)
  }

  /** Before something else is begun. */
  reset(): void {
    if (!this.#isRequested) return
    this.#isRequested = false
    this.#controller = new AbortController()
  }

  /** @throws VdcError INTERRUPTED or TERMINATED. */
  throwIfRequested(): void {
    if (this.#isRequested) this.#refuse(this.signal)
  }

  #refuse({ reason }: AbortSignal): never {
    const code: InterruptionCode = reason
    throw new VdcError(code, MESSAGES[code])
  }

  /**
   * Waits for work that may never end, such as reading from a pipe, until it ends or this is requested.
   *
   * @throws VdcError INTERRUPTED or TERMINATED, and what `work` throws.
   */
  async before<T>(work: Promise<T>): Promise<T> {
    const { signal } = this
    let onAbort = () => {}
    const requested = new Promise<void>((resolve) => {
      onAbort = resolve
      signal.addEventListener('abort', onAbort)
      if (signal.aborted) resolve()
    })
    // The promise that is left behind is nobody's, and must not end the process.
    work.catch(() => {})
    try {
      return await Promise.race([work, requested.then(() => this.#refuse(signal))])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
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
