/** All error codes, with their exit codes and meanings. docs/errors.md is generated from this table. */
export const ERRORS = {
  INTERNAL_ERROR: { exit: 1, meaning: 'A bug in vdc-manage.' },
  OUTPUT_FAILED: { exit: 1, meaning: 'Output could not be written to stdout. New IDs are then printed to stderr.' },
  USAGE: { exit: 2, meaning: 'The command, an option or an argument is unknown, missing or not allowed here.' },
  CONFIG_REFUSED: { exit: 3, meaning: 'A setting or a configuration file is invalid or unsafe.' },
  FILE_REFUSED: { exit: 3, meaning: 'A file cannot be registered, converted or read.' },
  GUEST_NOT_BOOTED: {
    exit: 3,
    meaning: 'A guest did not boot or get its address and metadata, or two instances have the same identity.',
  },
  GUEST_NOT_READY: { exit: 3, meaning: 'A check found an error in a guest, or the guest is not a Linux system.' },
  VALUE_REFUSED: { exit: 3, meaning: 'The value of an option or argument, or a line of input, is invalid.' },
  ACCOUNT_NOT_FOUND: { exit: 4, meaning: 'There is no such account.' },
  HISTORY_UNKNOWN: { exit: 4, meaning: 'The history does not go back to the given time, or is incomplete.' },
  IMAGE_NOT_FOUND: { exit: 4, meaning: 'There is no such image, or it was purged.' },
  INSTANCE_NOT_FOUND: { exit: 4, meaning: 'There is no such instance of Wakame-vdc, or it is terminated.' },
  OBJECT_NOT_FOUND: { exit: 4, meaning: 'There is no such backup object.' },
  STORAGE_NOT_FOUND: { exit: 4, meaning: 'There is no such backup storage.' },
  ACCOUNT_DELETED: { exit: 5, meaning: 'The account is deleted.' },
  ACCOUNT_DISABLED: { exit: 5, meaning: 'The account is disabled and cannot own anything new.' },
  ADDRESS_IN_USE: { exit: 5, meaning: 'Another process listens on the address, or a file has the path of the socket.' },
  DOWNLOAD_RUNNING: { exit: 5, meaning: 'Another process is downloading the same file.' },
  DUPLICATE_KEY: { exit: 5, meaning: 'The database already has a row with this key.' },
  FILE_CHANGED: { exit: 5, meaning: 'A registered file no longer has the size or checksum of its backup object.' },
  FILE_EXISTS: { exit: 5, meaning: 'The file to be created already exists.' },
  ID_TAKEN: { exit: 5, meaning: 'The ID is in use, or was in use before.' },
  IMAGE_DELETED: { exit: 5, meaning: 'The image is deleted.' },
  IMAGE_NOT_DELETED: {
    exit: 5,
    meaning: 'The image is not deleted, or not for long enough, so it cannot be restored or purged.',
  },
  IMAGE_PROTECTED: { exit: 5, meaning: 'The image is protected.' },
  IMPORT_CONFLICT: { exit: 5, meaning: 'Records to be imported differ from existing ones. Nothing was imported.' },
  IN_USE: { exit: 5, meaning: 'Something else uses the item, so it cannot be deleted or purged.' },
  MIGRATION_LOCKED: { exit: 5, meaning: 'Another migration of the database is running, or was killed.' },
  NAME_AMBIGUOUS: { exit: 5, meaning: 'Several items have the display name that was given in place of an ID.' },
  OBJECT_CONFLICT: { exit: 5, meaning: 'The backup object is not available, is gone, or already exists for the file.' },
  OBJECT_DELETED: { exit: 5, meaning: 'The backup object is deleted.' },
  STATE_UNKNOWN: { exit: 5, meaning: 'No history records the state that a deleted image had before.' },
  STORAGE_DELETED: { exit: 5, meaning: 'The backup storage is deleted.' },
  SYSTEM_ACCOUNT: { exit: 5, meaning: 'A system account cannot be deleted or disabled.' },
  APPLIANCE_FAILED: { exit: 6, meaning: 'libguestfs, which looks into images, is missing or cannot run.' },
  BUILD_FAILED: { exit: 6, meaning: 'A program that builds images is missing, cannot run or failed.' },
  COMMIT_UNCERTAIN: { exit: 6, meaning: 'The connection broke during a commit. The change may or may not be stored.' },
  DATABASE_BUSY: { exit: 6, meaning: 'Another process held a lock for too long.' },
  DATABASE_AUTH_UNSUPPORTED: {
    exit: 6,
    meaning: 'The database account needs an authentication plugin that is not supported.',
  },
  DATABASE_CONNECTION_LOST: { exit: 6, meaning: 'The connection was lost while a command ran.' },
  DATABASE_DAMAGED: { exit: 6, meaning: 'The database file or a table is damaged.' },
  DATABASE_FULL: { exit: 6, meaning: 'The disk or the tablespace is full.' },
  DATABASE_NOT_READY: { exit: 6, meaning: 'This node of a Galera cluster does not accept queries now.' },
  DATABASE_PACKET_LIMIT: { exit: 6, meaning: "A statement exceeds the server's max_allowed_packet." },
  DATABASE_READ_ONLY: { exit: 6, meaning: 'The server, its transactions or the database file are read-only.' },
  DATABASE_REFUSED: { exit: 6, meaning: 'The server refused the user, the database or the statement.' },
  DATABASE_TLS_FAILED: { exit: 6, meaning: 'The encrypted connection failed, for example because of a certificate.' },
  DATABASE_TLS_REQUIRED: { exit: 6, meaning: 'The database account or a setting requires TLS, which is not in use.' },
  DATABASE_UNREACHABLE: { exit: 6, meaning: 'No connection could be made, or no response came in time.' },
  DOWNLOAD_FAILED: { exit: 6, meaning: 'A server cannot be reached, failed, or does not have the file.' },
  FILE_NOT_WRITTEN: { exit: 6, meaning: 'A file or folder cannot be written.' },
  QEMU_IMG_FAILED: { exit: 6, meaning: 'qemu-img or another required program is missing, or failed.' },
  SCHEMA_MISSING: { exit: 7, meaning: 'The database lacks tables or columns. Run: vdc-manage db migrate' },
  SCHEMA_NEWER: { exit: 7, meaning: 'The schema is of a later version of vdc-manage.' },
  SCHEMA_OLDER: { exit: 7, meaning: 'The schema is of an older Wakame-vdc, which lacks columns for this command.' },
  VERIFY_DIFFERS: { exit: 8, meaning: 'Files of images differ from the registry.' },
  PARTLY_DONE: { exit: 9, meaning: 'Some of several items failed.' },
  INTERRUPTED: { exit: 130, meaning: 'Interrupted by Ctrl-C or SIGINT, or not confirmed.' },
  TERMINATED: { exit: 143, meaning: 'Terminated by SIGTERM or SIGHUP, or the terminal was closed.' },
} as const satisfies Record<string, { exit: number; meaning: string }>

/** The stable name of an error. It never changes between releases, so scripts may rely on it. */
export type ErrorCode = keyof typeof ERRORS
/** All error codes. */
export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[]

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
  error: { code: ErrorCode; message: string; details?: string[]; hint?: string; exit: number }
}

/**
 * The error class of the program: a stable code, a message that says what went wrong and
 * names the thing, and an optional hint that says how to fix it. `details` are more lines
 * of the message, such as the items that a name may stand for. The original error, if any,
 * is its `cause`.
 */
export class VdcError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly details: readonly string[] | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string | undefined; details?: readonly string[] | undefined; cause?: unknown } = {},
  ) {
    super(withoutPasswords(message), options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'VdcError'
    this.code = code
    this.hint = options.hint === undefined ? undefined : withoutPasswords(options.hint)
    this.details = options.details?.map(withoutPasswords)
  }

  /** The exit code of the process for this error. */
  get exit(): number {
    return ERRORS[this.code].exit
  }

  /** Returns the error as `--json` prints it. */
  toJSON(): ErrorJson {
    return {
      error: {
        code: this.code,
        message: this.message,
        ...(this.details === undefined ? {} : { details: [...this.details] }),
        ...(this.hint === undefined ? {} : { hint: this.hint }),
        exit: this.exit,
      },
    }
  }
}

/** Hides the passwords of URLs in a text: a mistyped argument that an error repeats may have one. */
function withoutPasswords(text: string): string {
  return text.replace(/(:\/\/[^\s/@:]*):[^\s/@]+@/g, '$1:…@')
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
