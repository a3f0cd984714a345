import { connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy in front of a MySQL server. It counts statements, and can act at any of them. */
export interface MysqlProxy {
  port: number
  /** Returns the number of statements so far. */
  statements(): number
  /** Returns the number of connections so far. */
  connections(): number
  close(): Promise<void>
}

/** What to do with a statement: pass it on, swallow it, cut the connection, or return this error of the server. */
export type Verdict = 'pass' | 'swallow' | 'cut' | { errno: number; message: string }

/** Called for each statement, with its number from 1 and its text. */
export type OnStatement = (number: number, sql: string) => Verdict | Promise<Verdict>

const COM_QUERY = 3
const COM_STMT_PREPARE = 22

/** Starts a proxy on a free loopback port. Packets of the protocol are: u24 length, sequence number, payload. */
export async function startProxy(serverPort: number, onStatement: OnStatement): Promise<MysqlProxy> {
  let count = 0
  let connections = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer((client) => {
    connections++
    const upstream = connect(serverPort, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    upstream.pipe(client)
    let buffered = Buffer.alloc(0)
    let turn = Promise.resolve()
    client.on('data', (data) => {
      buffered = Buffer.concat([buffered, data])
      while (buffered.length >= 4 && buffered.length >= 4 + buffered.readUIntLE(0, 3)) {
        const packet = buffered.subarray(0, 4 + buffered.readUIntLE(0, 3))
        buffered = buffered.subarray(packet.length)
        turn = turn.then(() => handle(packet))
      }
    })
    async function handle(packet: Buffer): Promise<void> {
      const isStatement = packet[3] === 0 && (packet[4] === COM_QUERY || packet[4] === COM_STMT_PREPARE)
      const verdict = isStatement ? await onStatement(++count, packet.subarray(5).toString()) : 'pass'
      if (verdict === 'pass') upstream.write(packet)
      if (verdict === 'cut') client.destroy()
      if (typeof verdict === 'object') client.write(errorPacket(verdict))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    statements: () => count,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

/** Returns the error packet of a server in reply to a statement. */
function errorPacket({ errno, message }: { errno: number; message: string }): Buffer {
  const head = Buffer.from([0, 0, 0, 1, 0xff, errno & 0xff, errno >> 8])
  const packet = Buffer.concat([head, Buffer.from(`#HY000${message}`)])
  packet.writeUIntLE(packet.length - 4, 0, 3)
  return packet
}
