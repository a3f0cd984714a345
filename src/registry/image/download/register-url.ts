import { lstat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import { parseAddress, shownAddress } from '../../../disk/download/address.ts'
import type { FileDownload } from '../../../disk/download/download-file.ts'
import { readSmallFile } from '../../../disk/file/text-file.ts'
import { systemFolderOf } from '../../../disk/folder/system-folders.ts'
import { LARGEST_CHECKSUM_FILE, type WantedChecksum } from '../../../disk/hash/checksum-file.ts'
import { requireWritableFolder } from '../../../disk/make/convert-image.ts'
import { exists, type OutputPlace, withOutputPlace } from '../../../disk/make/output-place.ts'
import { folderUri, localUri } from '../../backup-storage/local-uri.ts'
import { requireOwnCommits } from '../../own-commits.ts'
import type { Registry, Watcher } from '../../registry.ts'
import { validate } from '../../rules/validate.ts'
import { DEFAULT_ARCH } from '../../rules/values.ts'
import type { ImageDetails } from '../details.ts'
import { checkDatabase, fileImageRequest } from '../register/file-image.ts'
import { readChecksumFile, strongestIn } from '../register/given-checksum.ts'
import { registerLocal } from '../register/register-local.ts'
import type { ImageId } from '../register/register-object.ts'
import { acceptExisting } from './existing-file.ts'
import { type DownloadRequest, download, requireProof, sourceOf } from './url-request.ts'

export { DOWNLOAD_RETRIES, DOWNLOAD_TIMEOUT, MAX_DOWNLOAD } from './url-request.ts'

const { checksum: _, path: __, md5sum: ___, ...image } = fileImageRequest.shape
const urlRequest = z.object({ ...image, ...download })

/** The request of `registerUrl`: where from and where to, what the file must be, and the options of `registerFile`. */
export type UrlRequest = z.input<typeof urlRequest>

/** Bytes of the largest file with certificates. */
const LARGEST_CA_FILE = 1024 * 1024

/**
 * Downloads a disk image into a folder of this host and registers it. A download that breaks or is
 * interrupted is resumed by the next call. The file is kept even if it cannot be registered.
 *
 * @param options as of `registerLocal`.
 * @throws VdcError the errors of `downloadFile` and `registerLocal`; USAGE within --tx bulk.
 */
export async function registerUrl(
  registry: Registry,
  request: UrlRequest,
  watcher: Watcher,
  options: { details: boolean },
): Promise<ImageDetails | ImageId | undefined> {
  requireOwnCommits(registry, 'Register the image in a script without --tx bulk')
  const valid = validate(urlRequest, request)
  const { address, remoteName, name } = sourceOf(valid)
  requireProof(address, valid)
  return withOutputPlace(join(valid.into, name), async (place) => {
    await requirePlace(registry, valid, place)
    const connecting = {
      timeout: valid.timeout * 1000,
      ca: await readCa(valid.ca_file, watcher),
      retries: valid.retries,
    }
    const wanted = await wantedChecksum(valid, connecting, remoteName, watcher)
    const sha256 = await obtain(registry, place, watcher, {
      ...connecting,
      address,
      checksum: wanted,
      mostBytes: valid.max_download,
      needsLength: wanted === undefined,
      onKept: (bytes) => registry.warn(`${bytes} bytes of ${name} are kept: the same command resumes the download`),
    })
    if (sha256 === undefined) return undefined
    const { url, into, file_name, checksum, no_checksum, ca_file, max_download, timeout, retries, ...rest } = request
    try {
      return await registerLocal(registry, place.path, { ...rest, checksum: `sha256:${sha256}` }, watcher, options)
    } catch (error) {
      if (registry.onChange === undefined)
        registry.warn(`${place.path} was downloaded and is kept, but is not registered`)
      throw error
    }
  })
}

/** Refuses, before the download, what would be refused after it. */
async function requirePlace(
  registry: Registry,
  request: z.output<typeof urlRequest>,
  place: OutputPlace,
): Promise<void> {
  const folder = dirname(place.path)
  const uri = localUri(place.path)
  folderUri(uri)
  if (systemFolderOf(folder) !== undefined)
    throw new VdcError('VALUE_REFUSED', `${folder} is a system folder, which must not contain images`, {
      hint: 'Use a dedicated folder, for example /var/lib/wakame-vdc/images',
    })
  await requireWritableFolder(place)
  const { checksum, ...rest } = request
  await checkDatabase(registry, { ...rest, path: place.path, arch: request.arch ?? DEFAULT_ARCH }, uri)
}

/** Downloads the file, unless it is there. Returns its SHA-256; undefined if a dry run did not download it. */
async function obtain(
  registry: Registry,
  place: OutputPlace,
  watcher: Watcher,
  request: FileDownload,
): Promise<string | undefined> {
  const there = await lstat(place.path).catch(() => undefined)
  if (there !== undefined && !there.isFile()) throw exists(place.path)
  if (there !== undefined) {
    const sha256 = await acceptExisting(place.path, request.checksum, watcher)
    if (registry.onChange === undefined) {
      const { keyOf, removeLeftOvers } = await import('../../../disk/download/partial-folder.ts')
      await removeLeftOvers(place, keyOf(request.address.url, place.name)).catch(() => {})
    }
    return sha256
  }
  if (registry.onChange === undefined) {
    const { downloadFile } = await import('../../../disk/download/download-file.ts')
    return downloadFile(place, request, watcher).catch((error) => {
      // Another process may have downloaded the same file at the same time.
      if ((error as VdcError).code === 'FILE_EXISTS' && request.checksum !== undefined)
        return acceptExisting(place.path, request.checksum, watcher)
      throw error
    })
  }
  const { lookAtFile } = await import('../../../disk/download/look-at-file.ts')
  const bytes = await lookAtFile(request, watcher)
  registry.onChange({
    action: 'download',
    path: place.path,
    what: `${shownAddress(request.address.url)}, ${bytes === undefined ? 'of unknown size' : `${bytes} bytes`}`,
    ...(bytes !== undefined && { bytes }),
  })
  return undefined
}

async function wantedChecksum(
  { checksum }: DownloadRequest,
  connecting: { timeout: number; ca: Buffer | undefined; retries: number },
  name: string,
  watcher: Watcher,
): Promise<WantedChecksum | undefined> {
  if (checksum === undefined || !('source' in checksum)) return checksum
  const { source } = checksum
  if (!/^https?:\/\//i.test(source)) return strongestIn(await readChecksumFile(source, watcher), name, source)
  const address = parseAddress(source, '--checksum')
  const { downloadText } = await import('../../../disk/download/download-text.ts')
  const limits = { ...connecting, mostBytes: LARGEST_CHECKSUM_FILE }
  return strongestIn(await downloadText(address, limits, watcher.cancellation), name, shownAddress(address.url))
}

/**
 * Reads certificates of authorities.
 *
 * @throws VdcError FILE_REFUSED; the error of the cancellation.
 */
async function readCa(path: string | undefined, { cancellation }: Watcher): Promise<Buffer | undefined> {
  if (path === undefined) return undefined
  const pem = await readSmallFile(path, LARGEST_CA_FILE, cancellation)
  if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem
  throw new VdcError('FILE_REFUSED', `The file ${path} has no certificate in PEM format`)
}
