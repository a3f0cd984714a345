import { type Checksums, hashImageFile } from '../../disk/checksums.ts'
import type { ImageFile } from '../../disk/image-file.ts'
import { inspectImage } from '../../disk/inspect-image.ts'
import { OutsideImageFolders, openInImageFolder } from '../../disk/open-in-image-folder.ts'
import { VdcError } from '../../errors.ts'
import type { Watcher } from '../registry.ts'
import type { RegisteredFile } from './registered-files.ts'

/** What is not as it was registered. */
export interface FileDifference {
  /** For people. */
  text: string
  /** The image that it concerns; all that share the file where none is named. */
  image?: string
  /** Whether the file could not even be read. */
  isUnreadable?: boolean
}

/**
 * Compares a file with what is registered of it, and of its images.
 *
 * @param options.hash whether its checksums are compared as well.
 * @param task told of the bytes that are done.
 * @returns what differs; empty where nothing does.
 * @throws VdcError QEMU_IMG_FAILED, FILE_NOT_WRITTEN, INTERRUPTED, TERMINATED.
 */
export async function verifyFile(
  registered: RegisteredFile,
  options: { hash: boolean; threads: 1 | 2 },
  watcher: Watcher,
  task: { advance(bytes: number): void },
): Promise<FileDifference[]> {
  let done = 0
  const advance = (bytes: number) => {
    done += bytes
    task.advance(bytes)
  }
  const inner = { cancellation: watcher.cancellation, progress: { begin: () => ({ advance, end: () => {} }) } }
  const silent = { ...inner, progress: { begin: () => ({ advance: () => {}, end: () => {} }) } }
  let file: ImageFile | undefined
  try {
    file = await openInImageFolder(registered.path)
    const differences = await inspect(file, registered, silent)
    if (options.hash && file.size === registered.allocationSize) {
      const found = await hashImageFile(file, inner, { threads: options.threads })
      differences.push(...compareChecksums(registered, found))
    }
    return differences
  } catch (error) {
    if (!(error instanceof VdcError) || error.code !== 'FILE_REFUSED') throw error
    return [{ text: error.message, isUnreadable: isUnreadable(error) }]
  } finally {
    await file?.handle.close()
    task.advance(Math.max(0, registered.allocationSize - done))
  }
}

async function inspect(file: ImageFile, registered: RegisteredFile, watcher: Watcher): Promise<FileDifference[]> {
  const differences: FileDifference[] = []
  const compare = (what: string, found: unknown, wanted: unknown, image?: string) => {
    if (found === wanted) return
    const text = `${what} is ${found ?? 'unknown'}, registered is ${wanted}`
    differences.push({ text, ...(image !== undefined && { image }) })
  }
  compare('the size of the file', file.size, registered.allocationSize)
  for (const format of new Set(registered.images.map(({ fileFormat }) => fileFormat))) {
    const found = await inspectImage(file, { format, maxSize: Number.MAX_SAFE_INTEGER }, watcher)
    const about: FileDifference[] = found.refusals.map(({ why }) => ({ text: `the file ${why}` }))
    const ids = registered.images.filter(({ fileFormat }) => fileFormat === format).map(({ id }) => id)
    for (const id of ids) differences.push(...about.map((each) => ({ ...each, image: id })))
    if (found.refusals.length > 0) continue
    for (const id of ids) {
      compare('the container format', found.containerFormat, containerOf(registered.containerFormat), id)
      compare('the size when unpacked', found.size, registered.size, id)
      // A fixed VHD was perhaps measured as the raw disk that it is as well.
      if (registered.virtualSize !== undefined && format !== 'vpc')
        compare('the virtual size', found.virtualSize, registered.virtualSize, id)
    }
  }
  return differences
}

/** dcmgr has two words for a file that is not packed. */
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
    .map(([name, ours, theirs]) => ({ text: `the ${name} is ${ours}, registered is ${theirs}` }))
}

/** Says whether an error is about us rather than about the file. */
function isUnreadable(error: VdcError): boolean {
  if (error.cause instanceof OutsideImageFolders) return true
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException
  return code === 'EACCES' || code === 'EPERM' || code === 'EIO'
}
