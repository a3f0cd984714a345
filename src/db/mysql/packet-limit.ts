import mysql2 from 'mysql2'
import { VdcError } from '../../core/errors.ts'
import { packetLimit, RAISE_PACKET_LIMIT } from '../faults/server.ts'

/** Bytes of the smallest limit that a server has; a shorter statement never broke a connection. */
const LEAST_LIMIT = 16_384

/** A statement as knex hands it to the driver. */
interface Statement {
  sql: string
  bindings?: unknown[]
  text?: string | undefined
}

/**
 * Finds out whether a connection broke because its statement was longer than the
 * server takes: some servers, and proxies between, then answer nothing.
 *
 * @param connect makes another connection to the same server.
 * @returns the error that says so; the one that was given, where that is not the reason.
 */
export async function explainLoss(
  error: VdcError,
  statement: Statement | string,
  place: string,
  connect: () => Promise<mysql2.Connection>,
): Promise<VdcError> {
  if (error.code !== 'DATABASE_CONNECTION_LOST' || typeof statement === 'string') return error
  const bytes = Buffer.byteLength(statement.text ?? mysql2.format(statement.sql, (statement.bindings ?? []) as never))
  if (bytes < LEAST_LIMIT) return error
  try {
    const connection = await connect()
    const [rows] = await connection.promise().query('SELECT @@max_allowed_packet AS most')
    connection.destroy()
    const { most } = (rows as { most: number }[])[0] as { most: number }
    if (bytes < most) return error
    const text = `it has ${bytes} bytes, max_allowed_packet is ${most}`
    return new VdcError('DATABASE_PACKET_LIMIT', packetLimit(place, text), { hint: RAISE_PACKET_LIMIT, cause: error })
  } catch {
    return error
  }
}
