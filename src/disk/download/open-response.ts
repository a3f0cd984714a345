import type { IncomingMessage, RequestOptions } from 'node:http'
import type { Cancellation } from '../watcher.ts'
import { type Address, redirected } from './address.ts'
import { asFailure, DownloadFailure } from './failure.ts'

/** How to connect. */
export interface Connecting {
  /** Milliseconds until a connection without an answer or without data is given up. */
  timeout: number
  /** PEM of the authorities to trust instead of the usual ones. */
  ca: Buffer | undefined
}

/** Redirects that are followed; curl follows 50, browsers 20. */
const MOST_REDIRECTS = 10
const REDIRECTS = [301, 302, 303, 307, 308]
/** Bytes that must arrive within the time-out. */
const LEAST = 1024

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
): Promise<IncomingMessage> {
  let at = url
  for (let redirects = 0; ; redirects++) {
    const isHome = authorization !== undefined && at.origin === url.origin
    const all = { ...headers, ...(isHome && { Authorization: authorization }) }
    const response = await send(at, all, connecting, cancellation)
    const { location } = response.headers
    if (location === undefined || !REDIRECTS.includes(response.statusCode ?? 0)) return response
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
): Promise<IncomingMessage> {
  cancellation.throwIfRequested()
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  const options: RequestOptions & { ca?: Buffer } = {
    agent: false,
    headers: { 'User-Agent': 'vdc-manage', 'Accept-Encoding': 'identity', Connection: 'close', ...headers },
    signal: cancellation.signal,
    ...(ca !== undefined && { ca }),
  }
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(url, options, (response) => {
        // An error before the body is read is found when it is read.
        response.on('error', () => {})
        resolve(response)
      })
      sent.on('error', reject)
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

/**
 * Yields the body of a response, and destroys the response in the end.
 *
 * @throws DownloadFailure if it is cut or too slow; the error of the cancellation.
 */
export async function* bodyOf(
  response: IncomingMessage,
  { timeout }: Connecting,
  cancellation: Cancellation,
): AsyncGenerator<Buffer> {
  let bytes = 0
  let before = 0
  let isWaiting = true
  const timer = setInterval(() => {
    // Writing may take long, too.
    if (isWaiting && bytes - before < LEAST) response.destroy(silent(timeout))
    before = bytes
  }, timeout)
  try {
    for await (const chunk of response) {
      isWaiting = false
      bytes += chunk.length
      yield chunk
      isWaiting = true
    }
  } catch (error) {
    cancellation.throwIfRequested()
    throw asFailure(error)
  } finally {
    clearInterval(timer)
    response.destroy()
  }
}

function silent(timeout: number): DownloadFailure {
  return new DownloadFailure(`the server sent no data for ${timeout / 1000} seconds`, { isTransient: true })
}
