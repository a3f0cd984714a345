import { closeImageFile, openImageFile } from '../../../src/disk/file/image-file.ts'
import { inspectImage } from '../../../src/disk/inspect/inspect-image.ts'
import type { Expectation, Inspection } from '../../../src/disk/inspect/inspection.ts'
import type { Watcher } from '../../../src/disk/watcher.ts'

/** A watcher that ignores progress and never interrupts. */
const UNWATCHED: Watcher = {
  cancellation: { throwIfRequested: () => {}, signal: new AbortController().signal },
  progress: { begin: () => ({ advance: () => {}, end: () => {} }) },
}

/** Inspects a file as commands do. */
export async function inspectFile(path: string, expected: Expectation = {}): Promise<Inspection> {
  const file = await openImageFile(path)
  try {
    return await inspectImage(file, expected, UNWATCHED)
  } finally {
    await closeImageFile(file)
  }
}
