import { lstat } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { notWritten } from '../file/write-error.ts'
import type { WantedChecksum } from '../hash/checksum-file.ts'
import { moveIntoPlace, type OutputPlace } from '../make/output-place.ts'
import { holding, isSameInode } from '../remove/held.ts'
import type { Watcher } from '../watcher.ts'
import { shownAddress } from './address.ts'
import { DownloadFailure, notDownloaded } from './failure.ts'
import { BYTES, PartialFile } from './partial-file.ts'
import {
  keyOf,
  leavePartialFolder,
  openPartialFolder,
  type PartialFolder,
  removePartialFolder,
} from './partial-folder.ts'
import { type Download, receive } from './receive.ts'
import { withRetries } from './with-retries.ts'

/** A download into a file. */
export interface FileDownload extends Download {
  /** undefined: any contents are accepted. */
  checksum: WantedChecksum | undefined
  /** Further attempts after one that brought nothing. */
  retries: number
  /** Called if the download ends early, with the bytes that a later run will not have to download. */
  onKept(bytes: number): void
}

/** Bytes that an attempt must bring so that it does not count as a failure. */
const PROGRESS = 64 * 1024
/** Errors after which a later run continues. */
const KEPT = ['DOWNLOAD_FAILED', 'FILE_NOT_WRITTEN', 'INTERRUPTED', 'TERMINATED']

/**
 * Downloads a file into its place. It appears there when it is complete and has its checksum. If
 * the connection breaks, or this process is interrupted or killed, the next call continues.
 *
 * @returns the SHA-256 of the file in hex.
 * @throws VdcError DOWNLOAD_FAILED, DOWNLOAD_RUNNING, FILE_EXISTS, FILE_NOT_WRITTEN; FILE_REFUSED if
 *   it has the wrong checksum or may not be downloaded; the error of the cancellation.
 */
export async function downloadFile(place: OutputPlace, download: FileDownload, watcher: Watcher): Promise<string> {
  const key = keyOf(download.address.url, place.name)
  const opened = await openPartialFolder(place, key).catch((error) => {
    throw inWords(error, place, download)
  })
  let kept = 0
  try {
    const algorithms = ['sha256', ...(download.checksum ? [download.checksum.algorithm] : [])] as const
    const { folder, state } = opened
    const partial = await PartialFile.open(folder, key, state, algorithms, watcher.cancellation)
    return await holding(partial.handle, async () => {
      try {
        await receiveRight(partial, download, watcher)
        await intoPlace(partial, opened, place)
        return partial.digests()[0] as string
      } catch (error) {
        // An endless file must not keep the disk full.
        const isEndless = (error as NodeJS.ErrnoException).code === 'ENOSPC' && partial.total === null
        kept = partial.validator === undefined || isEndless ? 0 : partial.size
        throw error
      }
    })
  } catch (error) {
    const told = inWords(error, place, download)
    if (kept > 0 && told instanceof VdcError && KEPT.includes(told.code)) download.onKept(kept)
    else kept = 0
    throw told
  } finally {
    if (kept > 0) await leavePartialFolder(place, opened.folder)
    else await removePartialFolder(place, opened.folder)
  }
}

/** Receives a file that has its checksum. If the bytes of an earlier run are wrong, starts over once. */
async function receiveRight(partial: PartialFile, download: FileDownload, watcher: Watcher): Promise<void> {
  const wasLeft = partial.size > 0
  await receiveAll(partial, download, watcher)
  if (wasLeft && !hasChecksum(partial, download)) {
    await partial.begin(null, null)
    await receiveAll(partial, download, watcher)
  }
  if (hasChecksum(partial, download)) return
  const { algorithm, hex } = download.checksum as WantedChecksum
  throw new VdcError(
    'FILE_REFUSED',
    `${shownAddress(download.address.url)} has the wrong ${algorithm} checksum: expected ${hex}, got ${partial.digests().at(-1)}`,
    { hint: 'Check the URL and the checksum. Nothing was kept' },
  )
}

async function receiveAll(partial: PartialFile, download: FileDownload, watcher: Watcher): Promise<void> {
  let most = partial.size
  const hasProgress = () => {
    // What is downloaded again because the server has another file now does not count as progress.
    const brought = partial.size - most
    most = Math.max(most, partial.size)
    return brought >= PROGRESS
  }
  const attempt = () => receive(partial, download, watcher)
  await withRetries(download.retries, watcher.cancellation, attempt, hasProgress)
  if (partial.size === 0) throw new VdcError('FILE_REFUSED', `${shownAddress(download.address.url)} is empty`)
}

function hasChecksum(partial: PartialFile, { checksum }: FileDownload): boolean {
  return checksum === undefined || partial.digests().at(-1) === checksum.hex
}

async function intoPlace({ handle }: PartialFile, { folder }: PartialFolder, place: OutputPlace): Promise<void> {
  // Other users may not write to it, because it will be registered.
  await handle.chmod(0o644 & ~process.umask())
  await handle.sync()
  await moveIntoPlace(`${folder.path}/${BYTES}`, place)
  await place.folder.sync()
  const [ours, there] = await Promise.all([
    handle.stat({ bigint: true }),
    lstat(place.path, { bigint: true }).catch(() => undefined),
  ])
  if (!isSameInode(ours, there))
    throw new VdcError('FILE_NOT_WRITTEN', `${place.path} was moved by another program at the same time`)
}

/** Returns the error to report: a failure with its URL, an error of the system with the file. */
function inWords(error: unknown, { path }: OutputPlace, { address }: FileDownload): unknown {
  if (error instanceof VdcError) return error
  if (error instanceof DownloadFailure) return notDownloaded(address.url, error)
  return (error as NodeJS.ErrnoException).syscall === undefined && (error as NodeJS.ErrnoException).code !== 'ENOSPC'
    ? error
    : notWritten(path, error)
}
