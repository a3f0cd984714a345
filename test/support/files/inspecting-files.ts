import { closeImageFile, openImageFile } from '../../../src/disk/file/image-file.ts'
import { inspectImage } from '../../../src/disk/inspect/inspect-image.ts'
import type { Expectation, Inspection } from '../../../src/disk/inspect/inspection.ts'
import type { Watcher } from '../../../src/disk/watcher.ts'

/** Nobody watches, and nobody ends it. */
const UNWATCHED: Watcher = {
  cancellation: { throwIfRequested: () => {}, signal: new AbortController().signal },
  progress: { begin: () => ({ advance: () => {}, end: () => {} }) },
}

/** Inspects the file at a path as a command does. */
export async function inspectFile(path: string, expected: Expectation = {}): Promise<Inspection> {
  const file = await openImageFile(path)
  try {
    return await inspectImage(file, expected, UNWATCHED)
  } finally {
    await closeImageFile(file)
  }
}
