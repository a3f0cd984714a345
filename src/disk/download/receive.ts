import type { IncomingHttpHeaders } from 'node:http'
import { VdcError } from '../../core/errors.ts'
import { requireSpace } from '../make/reserve.ts'
import { heldPath } from '../remove/held.ts'
import type { Watcher } from '../watcher.ts'
import { type Address, shownAddress } from './address.ts'
import { DownloadFailure, failureOfStatus } from './failure.ts'
import { contentRangeOf, lengthOf, unsatisfiedLength, validatorOf } from './headers.ts'
import { type Connecting, type OpenResponse, openResponse } from './open-response.ts'
import type { PartialFile } from './partial-file.ts'
import { readBody } from './read-body.ts'

/** What is downloaded, and how. */
export interface Download extends Connecting {
  address: Address
  /** Bytes that the file may have. */
  mostBytes: number
  /** Refuse a file whose end cannot be told from a cut connection. */
  needsLength: boolean
}

/**
 * Downloads what is missing of a file in one attempt: the rest, if the server still has the same
 * file, or else the whole.
 *
 * @throws DownloadFailure; VdcError FILE_REFUSED if the file may not be downloaded; Error of the
 *   system; the error of the cancellation.
 */
export async function receive(partial: PartialFile, download: Download, watcher: Watcher): Promise<void> {
  if (partial.isWhole) return
  const { validator, size } = partial
  const rest = validator === undefined ? {} : { Range: `bytes=${size}-`, 'If-Range': validator }
  const response = await openResponse(download.address, rest, download, watcher.cancellation)
  try {
    if ((await start(response, partial, download)) === 'whole') return
    const task = watcher.progress.begin('Downloading', partial.total ?? undefined)
    try {
      task.advance(partial.size)
      for await (const bytes of readBody(response, download, watcher.cancellation)) {
        watcher.cancellation.throwIfRequested()
        requireAllowed(partial.size + bytes.length, download)
        await partial.write(bytes)
        task.advance(bytes.length)
      }
    } finally {
      task.end()
    }
  } finally {
    response.destroy()
  }
  if (partial.total !== null && partial.size !== partial.total)
    throw new DownloadFailure('the connection was cut', { isTransient: true })
}

/** Compares a response with the bytes that are there. Starts over if it has the whole file. */
async function start(response: OpenResponse, partial: PartialFile, download: Download): Promise<'whole' | 'more'> {
  const { status, headers } = response
  const isResumed = partial.validator !== undefined
  if (status === 416 && isResumed) {
    // If the server did not tell the size at the start, it does now.
    const isWhole = unsatisfiedLength(headers) === partial.size && [partial.size, null].includes(partial.total)
    return isWhole ? 'whole' : beginAgain(partial)
  }
  if (status !== 200 && !(status === 206 && isResumed)) throw failureOfStatus(status)
  requireAcceptable(response, download)
  if (status === 200) await partial.begin(validatorOf(headers) ?? null, lengthOf(headers) ?? null)
  else if (!isRest(headers, partial)) return beginAgain(partial)
  if (partial.total !== null) await requireSpace(heldPath(partial.handle), partial.total - partial.size)
  return 'more'
}

/** Returns whether a response with status 206 has the rest of the same file. */
function isRest(headers: IncomingHttpHeaders, { size, total, validator }: PartialFile): boolean {
  const range = contentRangeOf(headers)
  const isSameFile =
    [total ?? undefined, undefined].includes(range?.total) && [validator, undefined].includes(validatorOf(headers))
  return range?.start === size && isSameFile
}

/** Forgets what is there, because the server's file is another one, and asks for another attempt. */
async function beginAgain(partial: PartialFile): Promise<never> {
  await partial.begin(null, null)
  throw new DownloadFailure('the file changed on the server during the download', { isTransient: true })
}

/** @throws VdcError FILE_REFUSED if the body is not the file itself, or its end would be unknown. */
export function requireAcceptable(
  { headers, status }: OpenResponse,
  { address, needsLength, mostBytes }: Download,
): void {
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity')
    throw refused(address, `is sent compressed (Content-Encoding: ${encoding}), although that was not asked for`)
  const transfer = headers['transfer-encoding'] ?? 'chunked'
  if (!/^chunked$/i.test(transfer))
    throw refused(address, `is sent in another form than was asked for (Transfer-Encoding: ${transfer})`)
  const length = lengthOf(headers)
  if (needsLength && length === undefined && headers['transfer-encoding'] === undefined)
    throw refused(address, 'has no known length, so only a checksum can show whether it is whole', 'Give --checksum')
  if (status === 200 && length !== undefined) requireAllowed(length, { address, mostBytes })
}

function requireAllowed(bytes: number, { address, mostBytes }: Pick<Download, 'address' | 'mostBytes'>): void {
  if (bytes <= mostBytes) return
  throw refused(address, `has more than ${mostBytes} bytes`, 'Allow more with --max-download')
}

function refused({ url }: Address, why: string, hint?: string): VdcError {
  return new VdcError('FILE_REFUSED', `${shownAddress(url)} ${why}`, { hint })
}
