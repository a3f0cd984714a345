import { connect, type Socket } from 'node:net'
import { execa } from 'execa'

/** What curl received. */
export interface Received {
  status: number
  body: string
}

/** Requests a URL with curl. */
export async function curl(url: string, ...options: string[]): Promise<Received> {
  const { stdout } = await execa('curl', ['-sS', '--max-time', '20', '-w', '\n%{http_code}', ...options, url], {
    stripFinalNewline: false,
  })
  const end = stdout.lastIndexOf('\n')
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) }
}

/** Opens a connection to a URL, and sends a text. */
export async function open(url: string, text: string | Buffer = ''): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  // What the service does to a connection is checked by what it sends.
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
  socket.write(text)
  return socket
}

/** Sends a text, and returns all that comes until the connection ends. */
export async function exchange(url: string, text: string | Buffer): Promise<string> {
  const socket = await open(url, text)
  let received = ''
  socket.setEncoding('latin1').on('data', (data) => {
    received += data
  })
  await untilClosed(socket)
  return received
}

/** Waits until a connection ends, in whatever way. */
export async function untilClosed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
}
