import type { Instance } from '../../metadata/instance.ts'
import type { Step } from '../step.ts'
import type { Facts } from './facts.ts'

/** What a guest should do. */
export interface Expectations {
  instance: Instance
  /** Whether it is tried to reach sshd, and to log in. */
  ssh: boolean
}

/** What the results of steps depend on. */
export interface Case extends Expectations {
  facts: Facts
  /** Whether nothing more will be seen, so that what is missing counts. */
  isOver: boolean
}

/** A result without the name of its step. */
export type Verdict = Omit<Step, 'step'>

/** A step that was done. */
export const ok = (at: number | undefined, message: string): Verdict => ({ result: 'ok', at, message })
/** A step that went wrong. */
export const failed = (at: number | undefined, message: string): Verdict => ({ result: 'failed', at, message })
/** A step of which nothing is known. */
export const notSeen = (message: string): Verdict => ({ result: 'not-seen', at: undefined, message })
