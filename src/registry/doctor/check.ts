/** What the look at one thing came to. */
export interface Check {
  /** Stable, such as `database`; of a backup storage its id. */
  name: string
  result: 'ok' | 'warning' | 'failure'
  message: string
  /** The way out of a warning or a failure. */
  hint?: string
}

/** A check without the name of what it is of. */
export type Outcome = Omit<Check, 'name'>

export const ok = (message: string): Outcome => ({ result: 'ok', message })
export const warning = (message: string, hint: string): Outcome => ({ result: 'warning', message, hint })
export const failure = (message: string, hint: string): Outcome => ({ result: 'failure', message, hint })
