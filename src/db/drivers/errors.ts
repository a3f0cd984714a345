import { VdcError } from '../../core/errors.ts'
import { systemError } from '../../core/system-error.ts'
import { CONNECTION_FAULTS } from '../faults/connection.ts'
import { type Fault, refused, unreachable, unusable } from '../faults/fault.ts'
import { SERVER_FAULTS } from '../faults/server.ts'
import { SQLITE_FAULTS } from '../faults/sqlite.ts'

/** An error of a driver: mysql2 sets a code, errno and message; libsql a code. */
interface DriverError extends Error {
  code?: string
  errno?: number
  sqlMessage?: string
  fatal?: boolean
}

const FAULTS: readonly Fault[] = [...SQLITE_FAULTS, ...SERVER_FAULTS, ...CONNECTION_FAULTS]

/**
 * Turns an error of a driver into a VdcError with the driver's error as its cause
 * (src/db/faults). After DATABASE_BUSY or DUPLICATE_KEY, the unit of work can be
 * tried again as a whole; all other codes are final.
 *
 * @param place the database, for messages; without its password.
 * @param options.connected false while connecting. A connection that breaks then was never established.
 */
export function translateDriverError(error: unknown, place: string, { connected = true } = {}): VdcError {
  if (error instanceof VdcError) return error
  const driverError = error as DriverError
  const code = codeOf(driverError)
  const text = firstLine(driverError.sqlMessage ?? inWords(driverError)) || code
  const fail = ({ code, says, hint }: Omit<Fault, 'is'>) =>
    new VdcError(code, says(place, text), { hint, cause: error })

  const isIt = (fault: Fault) =>
    fault.is.some((is) => is === code || is === driverError.errno || (isOfSqlite(is) && code.startsWith(`${is}_`))) &&
    (fault.text?.test(text) ?? true) &&
    (fault.connected ?? connected) === connected
  const known = FAULTS.find(isIt)
  if (known !== undefined) return fail(known)

  if (/denied/i.test(text)) return fail({ code: 'DATABASE_REFUSED', says: refused })
  if (code.startsWith('HANDSHAKE_')) return fail({ code: 'DATABASE_UNREACHABLE', says: unreachable })
  if (code.startsWith('SQLITE_')) return fail({ code: 'DATABASE_UNREACHABLE', says: unusable })
  // Any other fatal error also means that the connection broke.
  if (driverError.fatal) {
    const broken = connected ? 'DATABASE_CONNECTION_LOST' : 'DATABASE_UNREACHABLE'
    return fail({ code: broken, says: () => `The connection to ${place} broke: ${text}` })
  }
  return fail({ code: 'INTERNAL_ERROR', says: () => `The database ${place} reported: ${text}` })
}

/** SQLite's primary result codes (https://sqlite.org/rescode.html) for which libsql may not know the extended code. */
const SQLITE_CODES: Readonly<Record<number, string>> = {
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  14: 'SQLITE_CANTOPEN',
}

/** Returns the driver's code, or an equivalent code if the driver sets none. */
function codeOf(error: DriverError): string {
  const [, extended] = /^UNKNOWN_SQLITE_ERROR_(\d+)$/.exec(error.code ?? '') ?? []
  if (extended !== undefined) return SQLITE_CODES[Number(extended) & 0xff] ?? 'SQLITE_ERROR'
  if (error.name === 'KnexTimeoutError') return 'ETIMEDOUT'
  // mysql2 reports this for every statement that follows the one during which the connection broke.
  if (error.code === undefined && /in closed state$/.test(error.message)) return 'PROTOCOL_CONNECTION_LOST'
  return error.code ?? ''
}

function isOfSqlite(code: string | number): boolean {
  return typeof code === 'string' && code.startsWith('SQLITE_')
}

/**
 * Returns the message of an error, but for the system's codes the words before them: Node's message
 * is only `connect ECONNREFUSED 127.0.0.1:3306`, and that of a host with several addresses is empty.
 */
export function inWords({ code, message }: DriverError): string {
  if (code === undefined) return message
  const words = systemError(code)
  return words === code ? message : words.replace(`(${code})`, `(${message || code})`)
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] as string
}

/** A logger for knex that prints nothing: knex also throws these messages, and stderr is for the user. */
export const SILENT = { warn() {}, error() {}, debug() {}, deprecate() {} }
