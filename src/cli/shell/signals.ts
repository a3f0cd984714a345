import type { SharedRegistry } from '../shared-registry.ts'

/** Exit codes of a process that a signal ends. */
const EXITS = { SIGINT: 130, SIGTERM: 143 } as const

/** Signals that are waited for. */
export interface CaughtSignals {
  /** The exit code of the one that came. */
  readonly caught: number | undefined
  /** Aborted when one came. */
  readonly signal: AbortSignal
  /** Lets signals end the process again, as they do by default. */
  release(): void
}

/** Has a signal end what runs in the database, with nothing half done; a second one ends the process at once. */
export function catchSignals(shared: SharedRegistry): CaughtSignals {
  let caught: number | undefined
  const controller = new AbortController()
  const handle = (signal: keyof typeof EXITS) => {
    if (caught !== undefined) process.exit(caught)
    caught = EXITS[signal]
    void shared.interrupt()
    controller.abort()
  }
  for (const signal of Object.keys(EXITS)) process.on(signal, handle)
  return {
    signal: controller.signal,
    get caught() {
      return caught
    },
    release() {
      for (const signal of Object.keys(EXITS)) process.off(signal, handle)
    },
  }
}
