import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a server answers for a path without its version, such as meta-data/mac: a body, or the code of an error. */
export type Metadata = Readonly<Record<string, string | number>>

/** A metadata server on the loopback. */
export interface MetadataServer {
  url: string
  /** What it answers. Other paths answer 404. */
  metadata: Metadata
  /** Requests that it still refuses by closing the connection. */
  refusals: number
  /** If set, requests without this token answer 401. */
  token: string | undefined
  /** If set, the answer for this path ends before its last byte. */
  cut: string | undefined
  /** The paths that were asked for. */
  requests: string[]
  close(): Promise<void>
}

/** Starts a metadata server. Bodies have no final newline, as those of Wakame-vdc. */
export async function startMetadataServer(): Promise<MetadataServer> {
  const http = createServer((request, response) => {
    const path = request.url ?? ''
    server.requests.push(path)
    if (server.refusals > 0) {
      server.refusals--
      request.socket.destroy()
      return
    }
    if (
      request.method === 'PUT' &&
      path === '/latest/api/token' &&
      request.headers['x-aws-ec2-metadata-token-ttl-seconds']
    ) {
      response.end(server.token)
      return
    }
    if (server.token !== undefined && request.headers['x-aws-ec2-metadata-token'] !== server.token) {
      response.writeHead(401).end()
      return
    }
    const name = path.replace(/^\/[^/]+\//, '')
    const answer = server.metadata[name] ?? 404
    if (typeof answer === 'number') response.writeHead(answer).end(`Unknown metadata: ${path}`)
    else if (server.cut === name) {
      response.writeHead(200, { 'content-length': answer.length })
      response.write(answer.slice(0, -1), () => request.socket.destroy())
    } else response.end(answer)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const server: MetadataServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    metadata: {},
    refusals: 0,
    token: undefined,
    cut: undefined,
    requests: [],
    async close() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
  return server
}
