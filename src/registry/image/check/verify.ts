import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import { readImageFolders } from '../../../disk/folder/image-folders.ts'
import type { Registry, Watcher } from '../../registry.ts'
import type { verifySummary } from '../../results/file.ts'
import { validate } from '../../rules/validate.ts'
import { listImages } from '../list.ts'
import { type RegisteredFile, registeredFiles, type Verification } from './registered-files.ts'
import { bytesToRead, type FileDifference, verifyFile } from './verify-file.ts'
import { joinedByImage } from './verify-parts.ts'

export type { Verification } from './registered-files.ts'

const verifyRequest = z.object({
  ids: z.optional(z.array(z.string())),
  account_id: z.optional(z.string()),
  quick: z.prefault(z.boolean(), false),
  thorough: z.prefault(z.boolean(), false),
  jobs: z
    .number()
    .check(z.int('must be a whole number'), z.minimum(1, 'must be 1 or more'), z.maximum(256, 'must be 256 at most')),
})

/**
 * The request of `verifyImages`: image IDs; or an account, for the images that it can use;
 * or neither, for all images; and the number of files to check at once.
 */
export type VerifyRequest = z.input<typeof verifyRequest>

/** The results of all images, and their counts. */
export type VerifySummary = z.output<typeof verifySummary>

/**
 * Compares the registration of images with their files: each file must exist, have its
 * registered size, checksums and format, and be self-contained. A file that several
 * images share is checked once. An image has several files if it has volumes.
 *
 * @param tell called with each image's result as soon as it is known.
 * @param interrupted called, instead of throwing an error, if the work was interrupted.
 * @returns the results of all images, or of those checked before an interruption.
 * @throws VdcError VALUE_REFUSED; IMAGE_NOT_FOUND for a single ID; ACCOUNT_NOT_FOUND,
 *   QEMU_IMG_FAILED, FILE_NOT_WRITTEN.
 */
export async function verifyImages(
  registry: Registry,
  request: VerifyRequest,
  watcher: Watcher,
  tell: (verification: Verification) => Promise<unknown>,
  interrupted: (error: VdcError) => void,
): Promise<VerifySummary> {
  const valid = validate(verifyRequest, request)
  const summary: VerifySummary = { images: [], ok: 0, differs: 0, not_checked: 0, unknown: 0 }
  const parts = joinedByImage(async (verification) => {
    summary.images.push(verification)
    summary[verification.result]++
    await tell(verification)
  })
  let total = 0
  try {
    const ids = valid.ids ?? (await idsOf(registry, valid.account_id))
    total = ids.length
    const files = new Map<string, RegisteredFile>()
    for await (const found of registeredFiles(registry, ids, valid.ids !== undefined)) {
      watcher.cancellation.throwIfRequested()
      if (!parts.expect(found)) {
        // The ID is repeated, and an image with several files is reported once.
        total--
        continue
      }
      for (const file of found.files) {
        if ('result' in file) await parts.add(file)
        else addFile(files, file)
      }
    }
    await verifyAll([...files.values()], valid, watcher, parts.add)
  } catch (error) {
    if (!(error instanceof VdcError) || !['INTERRUPTED', 'TERMINATED'].includes(error.code)) throw error
    interrupted(error)
  }
  return { ...summary, unknown: total - summary.images.length }
}

/** Adds a file by its path, or its images to the same file. */
function addFile(files: Map<string, RegisteredFile>, file: RegisteredFile): void {
  const shared = files.get(file.path)
  if (shared === undefined) files.set(file.path, file)
  else shared.images.push(...file.images)
}

async function idsOf(registry: Registry, accountId: string | undefined): Promise<string[]> {
  const ids: string[] = []
  for await (const images of listImages(registry, { account_id: accountId }, ['id']))
    for (const { id } of images) ids.push(id)
  return ids
}

/** Checks files in parallel; after an error, no further file is started. */
async function verifyAll(
  files: readonly RegisteredFile[],
  { quick, thorough, jobs }: { quick: boolean; thorough: boolean; jobs: number },
  watcher: Watcher,
  add: (verification: Verification) => Promise<void>,
): Promise<void> {
  const folders = await readImageFolders()
  const looks = { folders, hash: !quick, thorough, threads: jobs === 1 || files.length === 1 ? 2 : 1 } as const
  const bytes = files.reduce((sum, file) => sum + bytesToRead(file, looks), 0)
  const task = watcher.progress.begin('Verifying', Math.max(bytes, 1))
  const queue = files.values()
  let failed = false
  const work = async () => {
    for (const file of queue) {
      if (failed) return
      try {
        const found = await verifyFile(file, looks, watcher, task)
        for (const { id } of file.images) await add(verificationOf(id, file.path, found))
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  try {
    const ends = await Promise.allSettled(Array.from({ length: Math.min(jobs, files.length) }, work))
    const thrown = ends.find((end) => end.status === 'rejected')
    if (thrown !== undefined) throw thrown.reason
  } finally {
    task.end()
  }
}

function verificationOf(id: string, path: string, found: FileDifference[]): Verification {
  const own = found.filter(({ image }) => image === undefined || image === id)
  const unreadable = own.find(({ isUnreadable }) => isUnreadable)
  if (unreadable) return { id, result: 'not_checked', path, differences: [unreadable.text], failed: true }
  const differences = own.map(({ text }) => text)
  return { id, result: differences.length === 0 ? 'ok' : 'differs', path, differences }
}
