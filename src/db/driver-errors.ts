import { VdcError } from '../errors.ts'

/** What the drivers' errors carry: mysql2's code, errno and message; libsql's code. */
interface DriverError extends Error {
  code?: string
  sqlMessage?: string
  fatal?: boolean
}

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'EACCES',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'ER_SERVER_SHUTDOWN',
  'ER_CON_COUNT_ERROR',
  'ER_HOST_IS_BLOCKED',
  'ER_HOST_NOT_PRIVILEGED',
  'ER_CONNECTION_KILLED',
  'ER_NORMAL_SHUTDOWN',
])

const TIMED_OUT = new Set(['ETIMEDOUT', 'PROTOCOL_SEQUENCE_TIMEOUT'])

const REFUSED = new Set([
  'ER_ACCESS_DENIED_ERROR',
  'ER_ACCESS_DENIED_NO_PASSWORD_ERROR',
  'ER_DBACCESS_DENIED_ERROR',
  'ER_TABLEACCESS_DENIED_ERROR',
  'ER_COLUMNACCESS_DENIED_ERROR',
  'ER_BAD_DB_ERROR',
  'ER_OPTION_PREVENTS_STATEMENT',
  'ER_NOT_SUPPORTED_AUTH_MODE',
  'ER_UNKNOWN_COM_ERROR',
  'ER_QUERY_INTERRUPTED',
  'ER_STATEMENT_TIMEOUT',
  'ER_DISK_FULL',
  'ER_RECORD_FILE_FULL',
])

const BUSY = new Set([
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'SQLITE_BUSY',
  'SQLITE_BUSY_SNAPSHOT',
  'SQLITE_LOCKED',
])

/**
 * Makes a VdcError of what a driver threw, with the driver's error as cause.
 * Its code says what may be done: DATABASE_BUSY and DUPLICATE_KEY are worth
 * another try of the whole unit of work, the rest is final.
 *
 * @param place the database, as people know it, without its password.
 */
export function translateDriverError(error: unknown, place: string): VdcError {
  if (error instanceof VdcError) return error
  const driverError = error as DriverError
  const code = driverError.code ?? ''
  const text = firstLine(driverError.sqlMessage ?? driverError.message)
  const fail = (name: VdcError['code'], message: string, hint?: string) =>
    new VdcError(name, message, { hint, cause: error })

  if (BUSY.has(code)) return fail('DATABASE_BUSY', `The database ${place} is busy: ${text}`, 'Try again in a moment')
  if (code === 'ER_DUP_ENTRY' || code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') {
    return fail('DUPLICATE_KEY', `The database ${place} holds such a row already: ${text}`)
  }
  if (code === 'ER_NO_SUCH_TABLE' || code === 'ER_BAD_FIELD_ERROR') {
    return fail(
      'SCHEMA_MISSING',
      `The database ${place} lacks a part of the schema: ${text}`,
      'Run: vdc-manage db migrate',
    )
  }
  if (
    code === 'ER_TRUNCATED_WRONG_VALUE_FOR_FIELD' ||
    code === 'ER_DATA_TOO_LONG' ||
    code === 'ER_WARN_DATA_OUT_OF_RANGE'
  ) {
    return fail('VALUE_REFUSED', `The database ${place} can not store a value: ${text}`)
  }
  if (UNREACHABLE.has(code) || driverError.name === 'KnexTimeoutError' || code.startsWith('HANDSHAKE_')) {
    return fail(
      'DATABASE_UNREACHABLE',
      `The database ${place} can not be reached: ${reasonOf(driverError, text)}`,
      'Check that it runs and that VDC_MANAGE_DATABASE_URI or dcmgr.conf names it rightly',
    )
  }
  if (code === 'SQLITE_READONLY' || code.startsWith('SQLITE_READONLY_')) {
    return fail(
      'DATABASE_REFUSED',
      `The database ${place} can not be written to: ${text}`,
      'The file and its folder must be writable',
    )
  }
  if (REFUSED.has(code) || /denied|read.?only/i.test(text)) {
    return fail(
      'DATABASE_REFUSED',
      `The database ${place} refused: ${text}`,
      'Check user, password, privileges and the database’s name',
    )
  }
  if (code === 'SQLITE_NOTADB') {
    return fail(
      'DATABASE_UNREACHABLE',
      `The database ${place} can not be used: ${text}`,
      'Check that VDC_MANAGE_DATABASE_URI or dcmgr.conf names a database of vdc-manage',
    )
  }
  if (code.startsWith('SQLITE_')) return fail('DATABASE_UNREACHABLE', `The database ${place} can not be used: ${text}`)
  // A connection that broke in a way no list foresees is still a broken connection.
  if (driverError.fatal) return fail('DATABASE_UNREACHABLE', `The connection to ${place} broke: ${text}`)
  return fail('INTERNAL_ERROR', `The database ${place} reported: ${text}`)
}

function reasonOf(error: DriverError, text: string): string {
  if (error.name === 'KnexTimeoutError' || TIMED_OUT.has(error.code ?? '')) return 'no answer in time'
  if (error.code === 'PROTOCOL_CONNECTION_LOST') return 'the connection was lost'
  // A host with several addresses fails with an AggregateError, whose own message is empty.
  return text || (error.code as string)
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] as string
}

/** A logger for knex: what it would print is thrown as well, and stderr is the operator's. */
export const SILENT = { warn() {}, error() {}, debug() {}, deprecate() {} }
