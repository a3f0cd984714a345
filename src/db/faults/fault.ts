import type { ErrorCode } from '../../core/errors.ts'

/** One kind of failure: how the drivers report it, and what people are told. */
export interface Fault {
  /**
   * The codes of the drivers, and the server's number where mysql2 has no name
   * for it. A code of SQLite stands for its extended codes as well.
   */
  is: readonly (string | number)[]
  /** What the driver's text must match as well, where the code alone says too little. */
  text?: RegExp
  /** Where set: the fault is meant only after connecting (true), or only while connecting (false). */
  connected?: boolean
  code: ErrorCode
  /** The message: what is wrong with the database `place`, of which the driver says `text`. */
  says: (place: string, text: string) => string
  hint?: string
}

/** The settings that name the database, for hints. */
export const SETTINGS = 'VDC_MANAGE_DATABASE_URI or dcmgr.conf'

export const unreachable = (place: string, text: string) => `The database ${place} cannot be reached: ${text}`
export const refused = (place: string, text: string) => `The database ${place} refused: ${text}`
export const unusable = (place: string, text: string) => `The database ${place} cannot be used: ${text}`
export const busy = (place: string, text: string) => `The database ${place} is busy: ${text}`
export const full = (place: string, text: string) => `The database ${place} has no space left: ${text}`
export const damaged = (place: string, text: string) => `The database ${place} is damaged: ${text}`
