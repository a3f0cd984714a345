/** Prints the warnings of units of work that may run again from their start. */
export interface Warnings {
  warn(text: string): void
  /** Called at each attempt of a unit of work, counted from 1, and with 0 at its end. */
  onTry(attempt: number): void
}

/** Prints each warning of a unit of work once, however many attempts it takes. */
export function warningsOnce(print: (text: string) => void): Warnings {
  // `printed` has the warnings of the running unit, `due` those of earlier attempts that this one has not repeated yet.
  let printed: string[] = []
  let due: string[] = []
  return {
    warn(text) {
      const repeated = due.indexOf(text)
      if (repeated >= 0) {
        due.splice(repeated, 1)
        return
      }
      printed.push(text)
      print(text)
    },
    onTry(attempt) {
      if (attempt <= 1) printed = []
      due = [...printed]
    },
  }
}
