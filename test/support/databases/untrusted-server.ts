import { randomBytes } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'

/*
 * A server that speaks the MySQL protocol as far as a test needs it, and records everything that
 * the client sends. It can offer TLS with its own certificate.
 */

const CAPABILITIES = {
  // PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH, PLUGIN_AUTH_LENENC, CONNECT_WITH_DB, TRANSACTIONS, LONG_FLAG, LOCAL_FILES.
  usual: 0x0000_0200 | 0x0000_8000 | 0x0008_0000 | 0x0020_0000 | 0x8 | 0x2000 | 0x4 | 0x80,
  tls: 0x0800,
  factors: 0x1000_0000,
}

/** A connection of a client. */
export interface Visit {
  /** The challenge of 20 bytes in the greeting. */
  scramble: Buffer
  /** Sends a packet with the next sequence number, or `number`. */
  send(payload: Buffer | string, number?: number): void
  /** Sends bytes without a packet header. */
  sendRaw(bytes: Buffer): void
  /** Returns the next packet of the client. Rejects if the client has hung up. */
  receive(): Promise<Buffer>
  /** Sends the greeting and returns the login, after TLS if the client asks for it. */
  greet(): Promise<Buffer>
  socket(): Socket
}

/** The behaviour of a server. */
export interface Manners {
  /** The authentication plugin in the greeting. */
  plugin?: string
  /** A Unix socket to listen on instead of a port. */
  path?: string
  tls?: { cert: string; key: string }
  hasFactors?: boolean
  /** The number of the character set in the greeting. */
  charset?: number
  visit(visit: Visit): Promise<unknown>
}

/** A server that clients must not trust. */
export interface UntrustedServer {
  port: number
  /** The packets of all clients, decrypted. */
  packets: Buffer[]
  /** Returns the bytes of all clients, as transferred. */
  bytes(): Buffer
  /** The challenges sent in greetings. */
  scrambles: Buffer[]
  close(): Promise<void>
}

/** Starts a server on a free loopback port. */
export async function startUntrustedServer(manners: Manners): Promise<UntrustedServer> {
  const packets: Buffer[] = []
  const crossed: Buffer[] = []
  const scrambles: Buffer[] = []
  const sockets = new Set<Socket>()
  const server = createServer((plain) => {
    sockets.add(plain)
    plain.on('close', () => sockets.delete(plain))
    plain.on('error', () => {})
    const visit = receiveFrom(plain, manners, packets, crossed)
    scrambles.push(visit.scramble)
    manners.visit(visit).catch(() => plain.destroy())
  })
  await new Promise<void>((resolve) =>
    manners.path === undefined ? server.listen(0, '127.0.0.1', resolve) : server.listen(manners.path, resolve),
  )
  return {
    port: manners.path === undefined ? (server.address() as { port: number }).port : 3306,
    packets,
    scrambles,
    bytes: () => Buffer.concat(crossed),
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

function receiveFrom(plain: Socket, manners: Manners, packets: Buffer[], crossed: Buffer[]): Visit {
  let socket = plain
  let next = 0
  let buffered = Buffer.alloc(0)
  let waiting: (() => void) | undefined
  let isGone = false
  const scramble = Buffer.from(randomBytes(20).map((byte) => (byte % 93) + 33))
  const listen = (to: Socket) => {
    to.on('data', (data) => {
      crossed.push(data)
      buffered = Buffer.concat([buffered, data])
      waiting?.()
    })
    to.on('error', () => {})
    to.on('close', () => {
      isGone = true
      waiting?.()
    })
  }
  listen(plain)
  const take = (): Buffer | undefined => {
    if (buffered.length < 4) return undefined
    const length = buffered.readUIntLE(0, 3)
    if (buffered.length < 4 + length) return undefined
    next = ((buffered[3] as number) + 1) % 256
    const payload = buffered.subarray(4, 4 + length)
    buffered = buffered.subarray(4 + length)
    return payload
  }
  const visit: Visit = {
    scramble,
    socket: () => socket,
    sendRaw: (bytes) => void socket.write(bytes),
    send(payload, number = next) {
      const body = Buffer.from(payload)
      const header = Buffer.alloc(4)
      header.writeUIntLE(body.length, 0, 3)
      header[3] = number
      next = (number + 1) % 256
      socket.write(Buffer.concat([header, body]))
    },
    async receive() {
      for (;;) {
        const packet = take()
        if (packet !== undefined) {
          packets.push(packet)
          return packet
        }
        if (isGone) throw new Error('the client has hung up')
        await new Promise<void>((resolve) => {
          waiting = resolve
        })
      }
    },
    async greet() {
      visit.send(greeting(scramble, manners), 0)
      const packet = await visit.receive()
      // A request for TLS is a login cut off after 32 bytes.
      if (packet.length !== 32 || manners.tls === undefined) return packet
      plain.removeAllListeners('data')
      plain.pause()
      // The client may have started TLS already.
      if (buffered.length > 0) plain.unshift(buffered)
      buffered = Buffer.alloc(0)
      const secure = new TLSSocket(plain, { isServer: true, secureContext: createSecureContext(manners.tls) })
      listen(secure)
      socket = secure
      return visit.receive()
    },
  }
  return visit
}

function greeting(
  scramble: Buffer,
  { plugin = 'mysql_native_password', tls, hasFactors, charset = 45 }: Manners,
): Buffer {
  const flags = CAPABILITIES.usual + (tls ? CAPABILITIES.tls : 0) + (hasFactors ? CAPABILITIES.factors : 0)
  const fixed = Buffer.alloc(19)
  fixed.writeUInt16LE(flags & 0xffff, 0)
  fixed[2] = charset
  fixed.writeUInt16LE(2, 3)
  fixed.writeUInt16LE(flags >>> 16, 5)
  fixed[7] = 21
  return Buffer.concat([
    Buffer.from('\x0a8.0.99-untrusted\0'),
    Buffer.from([1, 0, 0, 0]),
    scramble.subarray(0, 8),
    Buffer.from([0]),
    fixed.subarray(0, 18),
    scramble.subarray(8),
    Buffer.from(`\0${plugin}\0`),
  ])
}

/** Returns a request to log in with another plugin, with its challenge. */
export function switchTo(plugin: string, data: Buffer | string = ''): Buffer {
  return Buffer.concat([Buffer.from([0xfe]), Buffer.from(`${plugin}\0`), Buffer.from(data), Buffer.from([0])])
}

/** Returns a packet with more data for the current plugin. */
export function more(data: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from([1]), Buffer.from(data)])
}

/** The packet that reports success. */
export const OK = Buffer.from([0, 0, 0, 2, 0, 0, 0])
/** The packet after columns and after rows. */
export const EOF = Buffer.from([0xfe, 0, 0, 2, 0])

/** Returns an error packet. */
export function failing(errno: number, text: string): Buffer {
  const head = Buffer.from([0xff, 0, 0])
  head.writeUInt16LE(errno, 1)
  return Buffer.concat([head, Buffer.from(`#HY000${text}`)])
}

/** Returns the definition of a text column. */
export function column(name: string): Buffer {
  const text = (of: string) => Buffer.concat([Buffer.from([of.length]), Buffer.from(of)])
  const rest = Buffer.from([0x0c, 45, 0, 255, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0])
  return Buffer.concat([text('def'), text(''), text(''), text(''), text(name), text(name), rest])
}

/** Returns a row with one short text. */
export function row(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value)])
}

/** Answers the first statements of a session: settings, and a query of cluster variables. Returns false for others. */
export function answerSession(client: Visit, statement: Buffer): boolean {
  const sql = statement.toString('latin1').slice(1)
  if (/^\W*SET /.test(sql)) client.send(OK)
  else if (/^\W*SHOW VARIABLES /.test(sql)) {
    for (const packet of [Buffer.from([1]), column('Value'), EOF, EOF]) client.send(packet)
  } else return false
  return true
}
