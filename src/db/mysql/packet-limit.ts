import mysql2 from 'mysql2'
import { VdcError } from '../../core/errors.ts'
import { packetLimit, RAISE_PACKET_LIMIT } from '../faults/server.ts'

/** Bytes of the smallest possible limit; a shorter statement cannot exceed it. */
const LEAST_LIMIT = 16_384

/** A statement as knex passes it to the driver. */
interface Statement {
  sql: string
  bindings?: unknown[]
  text?: string | undefined
}

/**
 * Finds out whether a connection broke because the statement was longer than the
 * server accepts: some servers and proxies then close the connection without an answer.
 *
 * @param connect opens another connection to the same server.
 * @returns DATABASE_PACKET_LIMIT if that is the reason, or else the given error.
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
