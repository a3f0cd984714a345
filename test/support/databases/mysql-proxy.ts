import { connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy before a MySQL server that counts the statements which pass, and can act at any of them. */
export interface MysqlProxy {
  port: number
  /** Statements since the proxy was made. */
  statements(): number
  /** Connections since the proxy was made. */
  connections(): number
  close(): Promise<void>
}

/** What happens at a statement: it is passed on, swallowed, the connection is cut, or the server's error is answered in its place. */
export type Verdict = 'pass' | 'swallow' | 'cut' | { errno: number; message: string }

/** Asked at every statement, with its number from 1 and its text. */
export type OnStatement = (number: number, sql: string) => Verdict | Promise<Verdict>

const COM_QUERY = 3
const COM_STMT_PREPARE = 22

/** Makes a proxy on a loopback port of its own. The client's packets are read by the protocol's framing: u24 length, sequence number, payload. */
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

/** A server's error packet, as the answer to a statement. */
function errorPacket({ errno, message }: { errno: number; message: string }): Buffer {
  const head = Buffer.from([0, 0, 0, 1, 0xff, errno & 0xff, errno >> 8])
  const packet = Buffer.concat([head, Buffer.from(`#HY000${message}`)])
  packet.writeUIntLE(packet.length - 4, 0, 3)
  return packet
}
