import type { ErrorCode } from '../../core/errors.ts'

/** A kind of failure: how the drivers report it, and the error that the user gets. */
export interface Fault {
  /**
   * The codes of the drivers, or the server's error number if mysql2 has no name
   * for it. A code of SQLite includes its extended codes.
   */
  is: readonly (string | number)[]
  /** If set, the driver's message must match as well. */
  text?: RegExp
  /** If set, the fault occurs only after connecting (true), or only while connecting (false). */
  connected?: boolean
  code: ErrorCode
  /** Returns the message about the database `place`, for which the driver reported `text`. */
  says: (place: string, text: string) => string
  hint?: string
}

/** The settings that name the database, for hints. */
export const SETTINGS = 'VDC_MANAGE_DATABASE_URI or dcmgr.conf'

/** The server or file cannot be reached. */
export const unreachable = (place: string, text: string) => `The database ${place} cannot be reached: ${text}`
/** The server refused the login or a statement. */
export const refused = (place: string, text: string) => `The database ${place} refused: ${text}`
/** The file is not usable as a database. */
export const unusable = (place: string, text: string) => `The database ${place} cannot be used: ${text}`
/** Another transaction has locked what a statement needs. */
export const busy = (place: string, text: string) => `The database ${place} is busy: ${text}`
/** The disk of the database is full. */
export const full = (place: string, text: string) => `The database ${place} has no space left: ${text}`
/** The database is corrupt. */
export const damaged = (place: string, text: string) => `The database ${place} is damaged: ${text}`
