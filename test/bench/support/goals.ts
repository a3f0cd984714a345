import { appendFileSync } from 'node:fs'
import { inject } from 'vitest'

/** The result of a benchmark for one of the project's goals. */
export interface GoalRecord {
  /** Part of the program that was measured: `start-up`, `lists`, … */
  part: string
  /** What was measured, in a few words. */
  what: string
  /** The figure with its unit, measured in this run: `3.1 × node -e 0`. */
  figure: string
  /** The figure to reach, in the same form: `≤ 3.5 ×`. */
  goal: string
  isMet: boolean
}

/** Saves a result for the table that is printed after all benchmarks. */
export function record(result: GoalRecord): void {
  appendFileSync(inject('goals'), `${JSON.stringify(result)}\n`)
}
