import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Connections } from './connections.ts'
import { listening } from './listening.ts'
import { Responder, type Response } from './responses.ts'
import type { AnsweredRequest, Endpoint, MetadataService, ServiceOptions } from './service.ts'
import { listenOnSocket } from './unix-socket.ts'

/** Milliseconds in which a client sends its headers, and after which one that sends or takes nothing is cut off. */
const SLOWEST = 5000
/** Bytes of a request, all headers included. */
const LONGEST_REQUEST = 8192
const MOST_HEADERS = 100
/** Characters of what a client sent that are reported. */
const LONGEST_REPORT = 200

/** The status for requests that are no HTTP, by the code of Node's parser. */
const PARSER_STATUS: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }

/**
 * Starts a metadata service, which answers as those of Wakame-vdc and EC2 do. Its limits do not depend on
 * what clients send: a good client is served while others send no end of headers, or nothing.
 *
 * @throws VdcError ADDRESS_IN_USE, VALUE_REFUSED if it cannot listen at the endpoint.
 */
export async function startMetadataService(endpoint: Endpoint, options: ServiceOptions): Promise<MetadataService> {
  const connections = new Connections()
  const server = createServer({
    maxHeaderSize: LONGEST_REQUEST,
    headersTimeout: SLOWEST,
    requestTimeout: SLOWEST,
    keepAliveTimeout: SLOWEST,
    connectionsCheckingInterval: 1000,
    // Wakame-vdc takes requests without it.
    requireHostHeader: false,
    noDelay: true,
  })
  server.maxHeadersCount = MOST_HEADERS
  server.timeout = SLOWEST
  server.on('connection', (socket: Socket) => {
    options.onConnection?.(true)
    socket.once('close', () => options.onConnection?.(false))
    connections.add(socket)
  })
  const responder = new Responder(options)
  const onRequest = async (request: IncomingMessage, response: ServerResponse) => {
    if (!connections.begin(request.socket)) return
    const { method = '', url: target = '', headers, socket } = request
    const address = addressOf(socket)
    const answer = await responder.answer({ method, target, headers, address })
    send(response, answer, method)
    connections.end(socket)
    options.onRequest(reportOf(request, address, answer))
  }
  server.on('request', onRequest)
  // Node would answer these two itself, and nothing would be reported.
  server.on('checkExpectation', onRequest)
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    refuse(socket, 405)
    options.onRequest(reportOf(request, addressOf(socket), { status: 405, body: '' }))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const status = PARSER_STATUS[error.code ?? ''] ?? 400
    const address = addressOf(socket as Socket)
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    refuse(socket as Socket, status)
    options.onRequest({ method: '', path: '', status, client: undefined, address, instanceId: undefined })
  })
  const remove = await listen(server, endpoint).catch((error) => {
    // It may listen on a socket that got no name.
    server.close()
    throw error
  })
  return {
    endpoint: 'path' in endpoint ? endpoint : { ...endpoint, port: (server.address() as AddressInfo).port },
    async close() {
      await remove()
      const isClosed = new Promise((resolve) => server.close(resolve))
      connections.close()
      await isClosed
    },
  }
}

/** Returns a function that removes the socket, if there is one. */
async function listen(server: Server, endpoint: Endpoint): Promise<() => Promise<void>> {
  if ('path' in endpoint) return listenOnSocket(server, endpoint.path, endpoint.isNear)
  const { host, port } = endpoint
  await listening(server, { host, port }, `${host}:${port}`)
  return async () => {}
}

function send(response: ServerResponse, { status, body, headers = {}, ends = false }: Response, method: string): void {
  const bytes = Buffer.from(body)
  response.writeHead(status, {
    'content-type': 'text/plain',
    'content-length': bytes.length,
    ...headers,
    ...(ends ? { connection: 'close' } : {}),
  })
  response.end(method === 'HEAD' ? undefined : bytes)
}

/** Answers a request that Node makes no response for, and closes the connection. */
function refuse(socket: Socket, status: number): void {
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
    socket.destroy(),
  )
}

/** Returns the IPv4 address of a client, also if it comes as an IPv6 one; undefined on a Unix socket. */
function addressOf({ remoteAddress }: Socket): string | undefined {
  return remoteAddress?.replace(/^::ffff:/, '')
}

function reportOf(
  { method = '', url = '', headers }: IncomingMessage,
  address: string | undefined,
  { status, instanceId }: Response,
): AnsweredRequest {
  const client = headers['user-agent']?.slice(0, LONGEST_REPORT)
  return { method, path: url.slice(0, LONGEST_REPORT), status, client, address, instanceId }
}
