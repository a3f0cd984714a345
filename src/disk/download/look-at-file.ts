import type { Watcher } from '../watcher.ts'
import { DownloadFailure, failureOfStatus, notDownloaded } from './failure.ts'
import { lengthOf } from './headers.ts'
import { openResponse } from './open-response.ts'
import { type Download, requireAcceptable } from './receive.ts'

/**
 * Looks at a server's file without downloading it.
 *
 * @returns its bytes; undefined if the server does not tell.
 * @throws VdcError DOWNLOAD_FAILED, FILE_REFUSED; the error of the cancellation.
 */
export async function lookAtFile(download: Download, watcher: Watcher): Promise<number | undefined> {
  try {
    const response = await openResponse(download.address, {}, download, watcher.cancellation)
    try {
      if (response.status !== 200) throw failureOfStatus(response.status)
      requireAcceptable(response, download)
      return lengthOf(response.headers)
    } finally {
      response.destroy()
    }
  } catch (error) {
    throw error instanceof DownloadFailure ? notDownloaded(download.address.url, error) : error
  }
}
