import type { Cancellation } from '../watcher.ts'
import { asFailure } from './failure.ts'
import { type Connecting, type OpenResponse, silent } from './open-response.ts'

/**
 * Yields the body of a response, and destroys the response in the end. If the connection is cut,
 * first yields all that arrived.
 *
 * @throws DownloadFailure if the connection is cut or too slow; the error of the cancellation.
 */
export async function* readBody(
  { body, destroy }: OpenResponse,
  { timeout }: Connecting,
  cancellation: Cancellation,
): AsyncGenerator<Buffer> {
  const timer = setInterval(() => body.requireProgress(() => silent(timeout)), timeout)
  try {
    for (;;) {
      const bytes = await body.next()
      cancellation.throwIfRequested()
      if (bytes === undefined) return
      yield bytes
    }
  } catch (error) {
    cancellation.throwIfRequested()
    throw asFailure(error)
  } finally {
    clearInterval(timer)
    destroy()
  }
}
