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

/** What `verifyImages` takes: ids, or an account whose images it can use, or neither for all; and how many files at once. */
export type VerifyRequest = z.input<typeof verifyRequest>

/** What came of them all. */
export type VerifySummary = z.output<typeof verifySummary>

/**
 * Compares what is registered of images with the files that are there: that a
 * file exists, has its size, checksums and format, and is still whole in itself.
 * A file that several images share is looked at once. An image has several files if
 * it has volumes besides what it boots from.
 *
 * @param tell told of each image as soon as it is known.
 * @param interrupted told, in place of throwing, that the work was ended.
 * @returns what is known of all of them, or up to the interruption.
 * @throws VdcError VALUE_REFUSED, IMAGE_NOT_FOUND for a single id, ACCOUNT_NOT_FOUND, QEMU_IMG_FAILED, FILE_NOT_WRITTEN.
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
        // It has several files and was named before: it is reported once.
        total--
        continue
      }
      for (const file of found.files) {
        if ('result' in file) await parts.add(file)
        else {
          const shared = files.get(file.path)
          if (shared === undefined) files.set(file.path, file)
          else shared.images.push(...file.images)
        }
      }
    }
    await verifyAll([...files.values()], valid, watcher, parts.add)
  } catch (error) {
    if (!(error instanceof VdcError) || !['INTERRUPTED', 'TERMINATED'].includes(error.code)) throw error
    interrupted(error)
  }
  return { ...summary, unknown: total - summary.images.length }
}

async function idsOf(registry: Registry, accountId: string | undefined): Promise<string[]> {
  const ids: string[] = []
  for await (const images of listImages(registry, { account_id: accountId }, ['id']))
    for (const { id } of images) ids.push(id)
  return ids
}

/** Looks at files side by side; the first that throws ends the others. */
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
