import type * as z from 'zod/mini'
import type { check } from '../results/examination.ts'

/** A check by its name, with its result. */
export type Check = z.output<typeof check>

/** The result of a check, without its name. */
export type Outcome = Omit<Check, 'name'>

/** Returns the result of a check that found no problem. */
export const ok = (message: string): Outcome => ({ result: 'ok', message })
/** Returns a result that does not make the examination fail. The hint tells how to fix it. */
export const warning = (message: string, hint: string): Outcome => ({ result: 'warning', message, hint })
/** Returns a result that makes the examination fail. The hint tells how to fix it. */
export const failure = (message: string, hint: string): Outcome => ({ result: 'failure', message, hint })
