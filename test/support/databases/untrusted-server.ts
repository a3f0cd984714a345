import { randomBytes } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'

/*
 * A server that speaks MySQL's protocol as far as a test wants it to, and keeps
 * all that the client sends. It can offer TLS with a certificate of its own.
 */

const CAPABILITIES = {
  // PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH, PLUGIN_AUTH_LENENC, CONNECT_WITH_DB, TRANSACTIONS, LONG_FLAG, LOCAL_FILES.
  usual: 0x0000_0200 | 0x0000_8000 | 0x0008_0000 | 0x0020_0000 | 0x8 | 0x2000 | 0x4 | 0x80,
  tls: 0x0800,
  factors: 0x1000_0000,
}

/** One client's visit. */
export interface Visit {
  /** The 20 bytes of the challenge in the greeting. */
  scramble: Buffer
  /** Sends a packet; its number is the next one, or `number`. */
  send(payload: Buffer | string, number?: number): void
  /** Sends bytes that are no packet. */
  sendRaw(bytes: Buffer): void
  /** The next packet of the client; rejects when it has hung up. */
  receive(): Promise<Buffer>
  /** Sends the greeting and takes the login, after TLS if the client wants that. */
  greet(): Promise<Buffer>
  socket(): Socket
}

/** What a server is like. */
export interface Manners {
  /** The plugin that the greeting names. */
  plugin?: string
  /** A Unix socket to listen on instead of a port. */
  path?: string
  tls?: { cert: string; key: string }
  hasFactors?: boolean
  /** The number of the server's character set. */
  charset?: number
  visit(visit: Visit): Promise<unknown>
}

/** A server that is not to be trusted. */
export interface UntrustedServer {
  port: number
  /** All packets of all clients, decrypted. */
  packets: Buffer[]
  /** All bytes of all clients, as they crossed. */
  bytes(): Buffer
  /** The challenges that were sent in greetings. */
  scrambles: Buffer[]
  close(): Promise<void>
}

/** Starts a server on a loopback port of its own. */
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
      // A request for TLS is a login that ends after 32 bytes.
      if (packet.length !== 32 || manners.tls === undefined) return packet
      plain.removeAllListeners('data')
      plain.pause()
      // The client may have begun TLS already.
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

/** A request to log in by another plugin, with its challenge. */
export function switchTo(plugin: string, data: Buffer | string = ''): Buffer {
  return Buffer.concat([Buffer.from([0xfe]), Buffer.from(`${plugin}\0`), Buffer.from(data), Buffer.from([0])])
}

/** More for the plugin that is in use. */
export function more(data: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from([1]), Buffer.from(data)])
}

/** Yes. */
export const OK = Buffer.from([0, 0, 0, 2, 0, 0, 0])
/** The end of columns, and of rows. */
export const EOF = Buffer.from([0xfe, 0, 0, 2, 0])

/** No, for a reason. */
export function failing(errno: number, text: string): Buffer {
  const head = Buffer.from([0xff, 0, 0])
  head.writeUInt16LE(errno, 1)
  return Buffer.concat([head, Buffer.from(`#HY000${text}`)])
}

/** A column of text. */
export function column(name: string): Buffer {
  const text = (of: string) => Buffer.concat([Buffer.from([of.length]), Buffer.from(of)])
  const rest = Buffer.from([0x0c, 45, 0, 255, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0])
  return Buffer.concat([text('def'), text(''), text(''), text(''), text(name), text(name), rest])
}

/** A row of one short text. */
export function row(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value)])
}

/** Answers what a session begins with: settings, and a question about the cluster; false for any other statement. */
export function answerSession(client: Visit, statement: Buffer): boolean {
  const sql = statement.toString('latin1').slice(1)
  if (/^\W*SET /.test(sql)) client.send(OK)
  else if (/^\W*SHOW VARIABLES /.test(sql)) {
    for (const packet of [Buffer.from([1]), column('Value'), EOF, EOF]) client.send(packet)
  } else return false
  return true
}
