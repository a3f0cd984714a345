import { VdcError } from '../../core/errors.ts'
import type { Cancellation } from '../watcher.ts'
import { type Address, shownAddress } from './address.ts'
import { DownloadFailure, failureOfStatus, notDownloaded } from './failure.ts'
import { type Connecting, openResponse } from './open-response.ts'
import { readBody } from './read-body.ts'
import { withRetries } from './with-retries.ts'

/**
 * Downloads a small text.
 *
 * @param mostBytes that it may have.
 * @throws VdcError DOWNLOAD_FAILED, FILE_REFUSED; the error of the cancellation.
 */
export async function downloadText(
  address: Address,
  { mostBytes, retries, ...connecting }: Connecting & { mostBytes: number; retries: number },
  cancellation: Cancellation,
): Promise<string> {
  const attempt = async () => {
    const response = await openResponse(address, {}, connecting, cancellation)
    try {
      if (response.status !== 200) throw failureOfStatus(response.status)
      const pieces: Buffer[] = []
      let bytes = 0
      for await (const piece of readBody(response, connecting, cancellation)) {
        bytes += piece.length
        if (bytes > mostBytes)
          throw new VdcError('FILE_REFUSED', `${shownAddress(address.url)} has more than ${mostBytes} bytes`)
        pieces.push(piece)
      }
      return Buffer.concat(pieces).toString('utf8')
    } finally {
      response.destroy()
    }
  }
  try {
    return await withRetries(retries, cancellation, attempt)
  } catch (error) {
    throw error instanceof DownloadFailure ? notDownloaded(address.url, error) : error
  }
}
