/** The exit code of each error code (docs/exit-codes.md). */
const EXIT_OF_CODE = {
  INTERNAL_ERROR: 1,
  OUTPUT_FAILED: 1,
  USAGE: 2,
  CONFIG_REFUSED: 3,
  FILE_REFUSED: 3,
  VALUE_REFUSED: 3,
  ACCOUNT_NOT_FOUND: 4,
  HISTORY_UNKNOWN: 4,
  IMAGE_NOT_FOUND: 4,
  OBJECT_NOT_FOUND: 4,
  STORAGE_NOT_FOUND: 4,
  ACCOUNT_DELETED: 5,
  ACCOUNT_DISABLED: 5,
  DUPLICATE_KEY: 5,
  FILE_CHANGED: 5,
  FILE_EXISTS: 5,
  ID_TAKEN: 5,
  IMAGE_DELETED: 5,
  IMAGE_NOT_DELETED: 5,
  IMAGE_PROTECTED: 5,
  IMPORT_CONFLICT: 5,
  IN_USE: 5,
  MIGRATION_LOCKED: 5,
  OBJECT_CONFLICT: 5,
  OBJECT_DELETED: 5,
  STATE_UNKNOWN: 5,
  STORAGE_DELETED: 5,
  SYSTEM_ACCOUNT: 5,
  COMMIT_UNCERTAIN: 6,
  DATABASE_BUSY: 6,
  DATABASE_AUTH_UNSUPPORTED: 6,
  DATABASE_CONNECTION_LOST: 6,
  DATABASE_DAMAGED: 6,
  DATABASE_FULL: 6,
  DATABASE_NOT_READY: 6,
  DATABASE_PACKET_LIMIT: 6,
  DATABASE_READ_ONLY: 6,
  DATABASE_REFUSED: 6,
  DATABASE_TLS_FAILED: 6,
  DATABASE_TLS_REQUIRED: 6,
  DATABASE_UNREACHABLE: 6,
  FILE_NOT_WRITTEN: 6,
  QEMU_IMG_FAILED: 6,
  SCHEMA_MISSING: 7,
  SCHEMA_NEWER: 7,
  SCHEMA_OLDER: 7,
  VERIFY_DIFFERS: 8,
  PARTLY_DONE: 9,
  INTERRUPTED: 130,
  TERMINATED: 143,
} as const

/** The stable name of an error. It never changes between releases, so scripts may rely on it. */
export type ErrorCode = keyof typeof EXIT_OF_CODE
/** All error codes. */
export const ERROR_CODES = Object.keys(EXIT_OF_CODE) as ErrorCode[]

/** Returns whether an error concerns the database itself, so the next command would fail too. */
export function isOfDatabase(code: ErrorCode): boolean {
  return code.startsWith('DATABASE_') && code !== 'DATABASE_BUSY'
}

/** Returns whether an error concerns one host of a database, so another host may work. */
export function isOfHost(code: ErrorCode): boolean {
  return ['DATABASE_CONNECTION_LOST', 'DATABASE_NOT_READY', 'DATABASE_UNREACHABLE'].includes(code)
}

/** Returns whether an error ends the transaction in which it occurred. */
export function endsTransaction(code: ErrorCode): boolean {
  return code === 'DATABASE_BUSY' || isOfHost(code)
}

/** An error as `--json` prints it on stdout. */
export interface ErrorJson {
  error: { code: ErrorCode; message: string; hint?: string; exit: number }
}

/**
 * The error class of the program: a stable code, a message that says what went wrong and
 * names the thing, and an optional hint that says how to fix it. The original error, if
 * any, is its `cause`.
 */
export class VdcError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'VdcError'
    this.code = code
    this.hint = options.hint
  }

  /** The exit code of the process for this error. */
  get exit(): number {
    return EXIT_OF_CODE[this.code]
  }

  /** Returns the error as `--json` prints it. */
  toJSON(): ErrorJson {
    return {
      error: {
        code: this.code,
        message: this.message,
        ...(this.hint === undefined ? {} : { hint: this.hint }),
        exit: this.exit,
      },
    }
  }
}

/**
 * Converts any thrown value to a VdcError. A value that is not one is a bug in the
 * program: it becomes the cause of an INTERNAL_ERROR.
 */
export function asVdcError(error: unknown): VdcError {
  if (error instanceof VdcError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new VdcError('INTERNAL_ERROR', message, { cause: error })
}
