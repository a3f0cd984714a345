import { readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Pair } from '../databases/certificates.ts'

/** Answers a request; `nth` counts the requests from 0. */
export type Respond = (response: ServerResponse, request: IncomingMessage, nth: number) => void

/** An HTTP server on loopback. */
export interface FileServer {
  /** `http://127.0.0.1:PORT`, or with https. */
  origin: string
  /** The requests so far. */
  requests: { path: string; headers: IncomingHttpHeaders }[]
  close(): Promise<void>
}

/** Starts a server on a free port. */
export async function startFileServer(respond: Respond, tls?: Pair): Promise<FileServer> {
  const requests: FileServer['requests'] = []
  const listen = (request: IncomingMessage, response: ServerResponse) => {
    requests.push({ path: request.url ?? '', headers: request.headers })
    respond(response, request, requests.length - 1)
  }
  const server =
    tls === undefined
      ? createServer(listen)
      : createTlsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, listen)
  // Clients that refuse the certificate.
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** How a server sends a file. */
export interface Sending {
  /** Default: a strong ETag of the first bytes; null for none. */
  etag?: string | null
  modified?: string
  /** Cut the connection after this byte of the file. */
  cutAt?: number
  /** Send no more after this byte of the file, and keep the connection open. */
  holdAt?: number
  /** Send the whole file, whatever is asked for. */
  ignoresRanges?: boolean
  headers?: Record<string, string | number>
}

/** Sends a file, or the range of it that is asked for and still valid. */
export function sendFile(
  response: ServerResponse,
  request: IncomingMessage,
  bytes: Buffer,
  { etag = '"one"', modified, cutAt, holdAt, ignoresRanges = false, headers = {} }: Sending = {},
): void {
  const [, first] = /^bytes=([0-9]+)-$/.exec(request.headers.range ?? '') ?? []
  const condition = request.headers['if-range']
  const isSame = condition === undefined || condition === etag || condition === modified
  const start = first === undefined || ignoresRanges || !isSame ? 0 : Number(first)
  const validators = {
    ...(etag !== null && { ETag: etag }),
    ...(modified !== undefined && { 'Last-Modified': modified }),
  }
  if (start > 0 && start >= bytes.length) {
    response.writeHead(416, { ...validators, 'Content-Range': `bytes */${bytes.length}` }).end()
    return
  }
  response.writeHead(start === 0 ? 200 : 206, {
    ...validators,
    'Content-Length': bytes.length - start,
    ...(start > 0 && { 'Content-Range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    ...headers,
  })
  response.flushHeaders()
  const end = cutAt ?? holdAt
  if (end === undefined) response.end(bytes.subarray(start))
  else
    response.write(end > start ? bytes.subarray(start, end) : '', () => {
      if (cutAt !== undefined) response.socket?.end()
    })
}
