import { appendFileSync } from 'node:fs'
import { inject } from 'vitest'

/** What a benchmark found about one of the project's goals. */
export interface GoalRecord {
  /** Which part of the program it is about: `start-up`, `lists`, … */
  part: string
  /** What was measured, in a few words. */
  what: string
  /** The figure with its unit, measured in this run: `3.1 × node -e 0`. */
  figure: string
  /** What the figure should be, in the same words: `≤ 3.5 ×`. */
  goal: string
  isMet: boolean
}

/** Keeps a result for the table that the run of all benchmarks ends with. */
export function record(result: GoalRecord): void {
  appendFileSync(inject('goals'), `${JSON.stringify(result)}\n`)
}
