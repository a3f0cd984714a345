import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http'
import type { Cancellation } from '../watcher.ts'
import { type Address, redirected } from './address.ts'
import { Body } from './body.ts'
import { asFailure, DownloadFailure } from './failure.ts'

/** How to connect. */
export interface Connecting {
  /** Milliseconds until a connection without an answer or without data is given up. */
  timeout: number
  /** PEM of the authorities to trust instead of the usual ones. */
  ca: Buffer | undefined
}

/** A response whose body was not read yet. */
export interface OpenResponse {
  status: number
  headers: IncomingHttpHeaders
  body: Body
  /** Closes the connection. */
  destroy(): void
}

/** Redirects that are followed; curl follows 50, browsers 20. */
const MOST_REDIRECTS = 10
const REDIRECTS = [301, 302, 303, 307, 308]

/**
 * Sends a GET request and follows redirects. Credentials are sent to the origin of the address only.
 *
 * @returns the first response that does not redirect. The caller must destroy it.
 * @throws DownloadFailure; VdcError FILE_REFUSED for a redirect that may not be followed; the error of the cancellation.
 */
export async function openResponse(
  { url, authorization }: Address,
  headers: Record<string, string>,
  connecting: Connecting,
  cancellation: Cancellation,
): Promise<OpenResponse> {
  let at = url
  for (let redirects = 0; ; redirects++) {
    const isHome = authorization !== undefined && at.origin === url.origin
    const all = { ...headers, ...(isHome && { Authorization: authorization }) }
    const response = await send(at, all, connecting, cancellation)
    const { location } = response.headers
    if (location === undefined || !REDIRECTS.includes(response.status)) return response
    response.destroy()
    if (redirects === MOST_REDIRECTS)
      throw new DownloadFailure(`more than ${MOST_REDIRECTS} redirects`, { isTransient: false })
    at = redirected(at, location)
  }
}

async function send(
  url: URL,
  headers: Record<string, string>,
  { timeout, ca }: Connecting,
  cancellation: Cancellation,
): Promise<OpenResponse> {
  cancellation.throwIfRequested()
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  const options: RequestOptions & { ca?: Buffer; rejectUnauthorized: boolean } = {
    agent: false,
    // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    rejectUnauthorized: true,
    headers: { 'User-Agent': 'vdc-manage', 'Accept-Encoding': 'identity', Connection: 'close', ...headers },
    signal: cancellation.signal,
    ...(ca !== undefined && { ca }),
  }
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<OpenResponse>((resolve, reject) => {
      const sent = request(url, options, (response) => resolve(opened(response)))
      sent.on('error', reject)
      // Without an error or a response, Node closes a connection on which the server changes to another protocol.
      sent.on('close', () => reject(new DownloadFailure('the server closed the connection', { isTransient: true })))
      timer = setTimeout(() => sent.destroy(silent(timeout)), timeout)
      sent.end()
    })
  } catch (error) {
    cancellation.throwIfRequested()
    throw asFailure(error)
  } finally {
    clearTimeout(timer)
  }
}

function opened(response: IncomingMessage): OpenResponse {
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: new Body(response),
    destroy: () => void response.destroy(),
  }
}

/** Returns the failure of a server that is too slow. */
export function silent(timeout: number): DownloadFailure {
  return new DownloadFailure(`the server sent no data for ${timeout / 1000} seconds`, { isTransient: true })
}
