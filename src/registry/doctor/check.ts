import type * as z from 'zod/mini'
import type { check } from '../results/examination.ts'

/** What the look at one thing came to. */
export type Check = z.output<typeof check>

/** A check without the name of what it is of. */
export type Outcome = Omit<Check, 'name'>

export const ok = (message: string): Outcome => ({ result: 'ok', message })
export const warning = (message: string, hint: string): Outcome => ({ result: 'warning', message, hint })
export const failure = (message: string, hint: string): Outcome => ({ result: 'failure', message, hint })
