import { VdcError } from '../../core/errors.ts'
import { CONNECTION_FAULTS } from '../faults/connection.ts'
import { type Fault, refused, unreachable, unusable } from '../faults/fault.ts'
import { SERVER_FAULTS } from '../faults/server.ts'
import { SQLITE_FAULTS } from '../faults/sqlite.ts'

/** What the drivers' errors carry: mysql2's code, errno and message; libsql's code. */
interface DriverError extends Error {
  code?: string
  errno?: number
  sqlMessage?: string
  fatal?: boolean
}

const FAULTS: readonly Fault[] = [...SQLITE_FAULTS, ...SERVER_FAULTS, ...CONNECTION_FAULTS]

/**
 * Makes a VdcError of what a driver threw, with the driver's error as cause
 * (src/db/faults). Its code says what may be done: DATABASE_BUSY and DUPLICATE_KEY
 * are worth another try of the whole unit of work, the rest is final.
 *
 * @param place the database, as people know it, without its password.
 * @param options.connected false while connecting: a connection that breaks then was never had.
 */
export function translateDriverError(error: unknown, place: string, { connected = true } = {}): VdcError {
  if (error instanceof VdcError) return error
  const driverError = error as DriverError
  const code = codeOf(driverError)
  // A host with several addresses fails with an AggregateError, whose own message is empty.
  const text = firstLine(driverError.sqlMessage ?? driverError.message) || code
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
  // A connection that broke in a way no list foresees is still a broken connection.
  if (driverError.fatal) {
    const broken = connected ? 'DATABASE_CONNECTION_LOST' : 'DATABASE_UNREACHABLE'
    return fail({ code: broken, says: () => `The connection to ${place} broke: ${text}` })
  }
  return fail({ code: 'INTERNAL_ERROR', says: () => `The database ${place} reported: ${text}` })
}

/** The driver's code; that of the fault it stands for, where the driver gives none. */
function codeOf(error: DriverError): string {
  if (error.name === 'KnexTimeoutError') return 'ETIMEDOUT'
  // What mysql2 says of every statement after the one during which the connection broke.
  if (error.code === undefined && /in closed state$/.test(error.message)) return 'PROTOCOL_CONNECTION_LOST'
  return error.code ?? ''
}

function isOfSqlite(code: string | number): boolean {
  return typeof code === 'string' && code.startsWith('SQLITE_')
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] as string
}

/** A logger for knex: what it would print is thrown as well, and stderr is the operator's. */
export const SILENT = { warn() {}, error() {}, debug() {}, deprecate() {} }
