import type { Socket } from 'node:net'
import type mysql2 from 'mysql2'

/**
 * A connection of mysql2, with the parts inside it that are replaced here because
 * it has no settings for what we need: TLS only where the server has it, whom
 * to trust, and limits of what a server sends. test/db/mysql/untrusted-server.test.ts
 * fails when a later mysql2 does without them.
 */
export interface DriverConnection extends mysql2.Connection {
  /** The socket, or TLS over it. */
  stream: Socket
  /** Reads what arrives, and hands the packets on. */
  packetParser: { execute(chunk: Buffer): void }
  writePacket(packet: unknown): void
  /** The number of the next packet of a statement. */
  sequenceId: number
  /** The statement that runs; with a callback if its rows are kept. */
  _command: { onResult?: unknown } | undefined
  /** What the server said in its greeting that it can. */
  serverCapabilityFlags: number
  /** Begins TLS, and calls back when it stands, or failed. */
  startTLS(onSecure: (error?: Error) => void): void
  /** knex: why the connection must not be used again. */
  __knex__disposed?: unknown
}
