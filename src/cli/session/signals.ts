import { monotonicTime } from '../../core/clock.ts'
import type { Interruption, InterruptionCode } from '../../core/interruption.ts'

/** The exit code of a process that a signal ends, and the code of the interruption it requests. */
const SIGNALS = {
  SIGINT: { exit: 130, code: 'INTERRUPTED' },
  SIGTERM: { exit: 143, code: 'TERMINATED' },
} as const satisfies Record<string, { exit: number; code: InterruptionCode }>
const NAMES = Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]
/** Milliseconds within which a second signal counts as the first: `timeout` signals both the process and its group. */
const SAME = 100

/** Signals that are caught. */
export interface CaughtSignals {
  /** The exit code of the signal that arrived. */
  readonly caught: number | undefined
  /** Aborted when a signal arrives. */
  readonly signal: AbortSignal
  /** Lets signals end the process again, as they do by default. */
  release(): void
}

/**
 * Makes a signal request `interruption`, so that running work ends with nothing half done. A second
 * signal ends the process at once.
 *
 * @param patience milliseconds after which the first signal ends the process too; undefined for never.
 * @param lastWords the line to print to stderr in that case.
 */
export function catchSignals(interruption: Interruption, patience?: number, lastWords?: string): CaughtSignals {
  let timer: NodeJS.Timeout | undefined
  let caught: number | undefined
  let caughtAt = 0
  const controller = new AbortController()
  const end = (exit: number) => {
    // Wait for the commit, so that its outcome is known and the new ID is printed.
    if (interruption.isCommitting) {
      timer = setTimeout(() => end(exit), patience)
      return
    }
    if (lastWords !== undefined) process.stderr.write(`${lastWords}\n`)
    process.exit(exit)
  }
  const handle = (signal: keyof typeof SIGNALS) => {
    const now = monotonicTime()
    if (caught !== undefined && now - caughtAt < SAME) return
    if (caught !== undefined) process.exit(caught)
    caught = SIGNALS[signal].exit
    caughtAt = now
    const { exit, code } = SIGNALS[signal]
    if (patience !== undefined) timer = setTimeout(() => end(exit), patience)
    interruption.request(code)
    controller.abort()
  }
  for (const name of NAMES) process.on(name, handle)
  return {
    signal: controller.signal,
    get caught() {
      return caught
    },
    release() {
      clearTimeout(timer)
      for (const name of NAMES) process.off(name, handle)
    },
  }
}

/** Milliseconds between checks whether a signal may end the process. */
const LOOK = 10

/**
 * Delays signals while `isBusy`, for example until committed results are printed; then the
 * signal ends the process as by default. A second signal ends it at once.
 *
 * @returns a function that stops delaying signals.
 */
export function delaySignals(isBusy: () => boolean): () => void {
  let timer: NodeJS.Timeout | undefined
  let caughtAt = Number.NEGATIVE_INFINITY
  const release = () => {
    clearInterval(timer)
    for (const name of NAMES) process.off(name, handle)
  }
  const end = (signal: keyof typeof SIGNALS) => {
    release()
    // SIGHUP is passed on as SIGTERM, and a signal must not end Node then (`heedHangUp`).
    if (signal === 'SIGTERM') process.exit(SIGNALS.SIGTERM.exit)
    process.kill(process.pid, signal)
  }
  const handle = (signal: keyof typeof SIGNALS) => {
    const now = monotonicTime()
    if (now - caughtAt < SAME) return
    caughtAt = now
    if (timer !== undefined || !isBusy()) return end(signal)
    timer = setInterval(() => isBusy() || end(signal), LOOK)
  }
  for (const name of NAMES) process.on(name, handle)
  return release
}
