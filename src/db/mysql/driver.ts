import type { Socket } from 'node:net'
import type mysql2 from 'mysql2'

/** A query with an option that the types of mysql2 lack. */
type EvalQuery = (
  options: mysql2.QueryOptions & {
    /** Whether rows are read by a parser for any answer, instead of one that is compiled for this form of answer. */
    disableEval: boolean
  },
  callback?: (error: mysql2.QueryError | null, rows: mysql2.QueryResult, fields: mysql2.FieldPacket[]) => void,
) => mysql2.Query

/**
 * A connection of mysql2, with internal members that this folder replaces, because
 * mysql2 has no settings for TLS only if the server offers it, for the checks of
 * certificates, and for limits on what a server sends. If a later mysql2 lacks these
 * members, test/db/mysql/untrusted-server.test.ts fails.
 */
export interface DriverConnection extends mysql2.Connection {
  /** The socket, or the TLS connection over it. */
  stream: Socket
  /** Splits received data into packets and passes them on. */
  packetParser: { execute(chunk: Buffer): void }
  writePacket(packet: unknown): void
  /** The number of the next packet of a statement. */
  sequenceId: number
  /** The current statement; it has a callback if its rows are kept. */
  _command: { onResult?: unknown } | undefined
  /** The capabilities that the server declared in its greeting. */
  serverCapabilityFlags: number
  query: mysql2.Connection['query'] & EvalQuery
  /** Starts TLS; calls back when it is established or has failed. */
  startTLS(onSecure: (error?: Error) => void): void
  /** Read by knex: if set, the connection must not be used again. */
  __knex__disposed?: unknown
}
