/** Warnings of units of work that may be run again from their start. */
export interface Warnings {
  warn(text: string): void
  /** Told of each try of a unit of work, from 1, and with 0 of its end. */
  onTry(attempt: number): void
}

/** Tells each warning of a unit of work once, however often that is tried. */
export function warningsOnce(tell: (text: string) => void): Warnings {
  /** Those of the unit that runs, and those of its tries before that this one has not repeated yet. */
  let told: string[] = []
  let due: string[] = []
  return {
    warn(text) {
      const repeated = due.indexOf(text)
      if (repeated >= 0) {
        due.splice(repeated, 1)
        return
      }
      told.push(text)
      tell(text)
    },
    onTry(attempt) {
      if (attempt <= 1) told = []
      due = [...told]
    },
  }
}
