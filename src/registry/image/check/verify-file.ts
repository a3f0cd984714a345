import { VdcError } from '../../../core/errors.ts'
import type { ImageFile } from '../../../disk/file/image-file.ts'
import type { ImageFolders } from '../../../disk/folder/image-folders.ts'
import { OutsideImageFolders, openInImageFolder } from '../../../disk/folder/open-in-image-folder.ts'
import { hashImageFile } from '../../../disk/hash/checksums.ts'
import type { Checksums } from '../../../disk/hash/hashed.ts'
import { inspectImage } from '../../../disk/inspect/inspect-image.ts'
import type { Inspection } from '../../../disk/inspect/inspection.ts'
import type { Watcher } from '../../registry.ts'
import type { RegisteredFile } from './registered-files.ts'

/** A difference between a file and its registration. */
export interface FileDifference {
  /** Description for the user. */
  text: string
  /** The image that it concerns; undefined for all images that share the file. */
  image?: string
  /** Whether the file could not be read at all. */
  isUnreadable?: boolean
}

/** Returns the number of bytes to read from a file: it is read once to hash it, and if thorough, once more as a disk. */
export function bytesToRead({ allocationSize }: RegisteredFile, { thorough }: { thorough: boolean }): number {
  return thorough ? 2 * allocationSize : allocationSize
}

/**
 * Compares a file with the registered properties of the file and its images.
 *
 * @param options.folders the image folders of this host; files elsewhere are not read.
 * @param options.hash compare the checksums, too.
 * @param options.thorough read the whole disk, too.
 * @param options.threads number of threads for hashing.
 * @param task receives the number of bytes done.
 * @returns the differences; empty if there are none.
 * @throws VdcError QEMU_IMG_FAILED, FILE_NOT_WRITTEN, INTERRUPTED, TERMINATED.
 */
export async function verifyFile(
  registered: RegisteredFile,
  options: { folders: ImageFolders; hash: boolean; thorough: boolean; threads: 1 | 2 },
  watcher: Watcher,
  task: { advance(bytes: number): void },
): Promise<FileDifference[]> {
  let left = bytesToRead(registered, options)
  const advance = (bytes: number) => {
    const counted = Math.min(bytes, left)
    left -= counted
    task.advance(counted)
  }
  const inner = { cancellation: watcher.cancellation, progress: { begin: () => ({ advance, end: () => {} }) } }
  const silent = { ...inner, progress: { begin: () => ({ advance: () => {}, end: () => {} }) } }
  let file: ImageFile | undefined
  try {
    file = await openInImageFolder(registered.path, options.folders)
    const { differences, images } = await inspect(file, registered, silent)
    if (options.thorough) for (const image of images) differences.push(...(await readThrough(file, image, inner)))
    if (options.hash && file.size === registered.allocationSize) {
      const found = await hashImageFile(file, inner, { threads: options.threads })
      differences.push(...compareChecksums(registered, found))
    }
    return differences
  } catch (error) {
    if (!(error instanceof VdcError) || error.code !== 'FILE_REFUSED') throw error
    return [{ text: error.message.replace(/^The file /, 'the file '), isUnreadable: isUnreadable(error) }]
  } finally {
    await file?.handle.close()
    task.advance(left)
  }
}

/** The inspection of a file as one format, and the images registered with this format. */
interface FoundImage {
  found: Inspection
  ids: string[]
}

async function inspect(
  file: ImageFile,
  registered: RegisteredFile,
  watcher: Watcher,
): Promise<{ differences: FileDifference[]; images: FoundImage[] }> {
  const differences: FileDifference[] = []
  const images: FoundImage[] = []
  const compare = (what: string, found: unknown, wanted: unknown, image?: string) => {
    if (found === wanted) return
    const text = `${what} is ${found ?? 'unknown'}, but ${wanted} is registered`
    differences.push({ text, ...(image !== undefined && { image }) })
  }
  compare('the size of the file', file.size, registered.allocationSize)
  for (const format of new Set(registered.images.map(({ fileFormat }) => fileFormat))) {
    const expected = { format, maxSize: Number.MAX_SAFE_INTEGER, unpackedSize: registered.size }
    const found = await inspectImage(file, expected, watcher)
    const about: FileDifference[] = found.refusals.map(({ why }) => ({ text: `the file ${why}` }))
    const ids = registered.images.filter(({ fileFormat }) => fileFormat === format).map(({ id }) => id)
    for (const id of ids) differences.push(...about.map((each) => ({ ...each, image: id })))
    if (found.refusals.length > 0) continue
    images.push({ found, ids })
    for (const id of ids) {
      compare('the container format', found.containerFormat, containerOf(registered.containerFormat), id)
      compare('the size when unpacked', found.size, registered.size, id)
      // A fixed VHD, which is also a raw disk, may have been measured as one.
      if (registered.virtualSize !== undefined && format !== 'vpc')
        compare('the virtual size', found.virtualSize, registered.virtualSize, id)
    }
  }
  return { differences, images }
}

async function readThrough(file: ImageFile, { found, ids }: FoundImage, watcher: Watcher): Promise<FileDifference[]> {
  try {
    await (await import('../../../disk/inspect/thorough.ts')).readWholeDisk(file, found, watcher)
    return []
  } catch (error) {
    if (!(error instanceof VdcError) || error.code !== 'FILE_REFUSED') throw error
    const text = error.message.replace(`The file ${file.path} `, 'the file ')
    return ids.map((image) => ({ text, image }))
  }
}

/** Normalises a container format: dcmgr has two names for a file that is not packed. */
function containerOf(format: string): string {
  return format === 'raw' ? 'none' : format
}

function compareChecksums(registered: RegisteredFile, found: Checksums): FileDifference[] {
  const pairs: [string, string, string | null][] = [
    ['MD5', found.md5, registered.md5],
    ['SHA-256', found.sha256, registered.sha256],
  ]
  return pairs
    .filter(([, ours, theirs]) => theirs !== null && theirs !== '' && theirs !== ours)
    .map(([name, ours, theirs]) => ({ text: `the ${name} is ${ours}, but ${theirs} is registered` }))
}

/** Returns whether this program may not or cannot read the file, so that nothing is known about its contents. */
function isUnreadable(error: VdcError): boolean {
  if (error.cause instanceof OutsideImageFolders) return true
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException
  return code === 'EACCES' || code === 'EPERM' || code === 'EIO'
}
