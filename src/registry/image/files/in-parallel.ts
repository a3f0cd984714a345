import { availableParallelism } from 'node:os'
import { inOrder } from '../../../core/in-order.ts'
import type { HashOptions } from '../../../disk/hash/checksums.ts'
import { HashThreads } from '../../../disk/hash/hash-threads.ts'
import type { Watcher } from '../../registry.ts'
import type { ImageSource } from './image-sources.ts'
import { type ManyFiles, ManyProgress } from './many-files.ts'

/** The most files that are read at once, however many processors there are: qemu-img may need 1 GiB for each. */
const MOST = 16
/** The most files that are open, because one before them takes longer. */
const AHEAD = 64

/** How to read one of several files. */
export interface Reading {
  watcher: Watcher
  /** How to hash it now, so that all files together use all processors. */
  hashing: HashOptions
}

/** How to work on several files. */
interface ParallelOptions<R> {
  /** For the progress, for example `Registering`. */
  title: string
  /** Whether the files are read to their end. */
  reads: boolean
  /** Called with each result that is not yielded. */
  discard?: (result: R) => Promise<unknown>
}

/**
 * Reads several files at once, and yields the results in the order of the files. Shows one line of progress for all.
 *
 * @throws as `inOrder`.
 */
export async function* inParallel<R>(
  files: ManyFiles,
  watcher: Watcher,
  { title, reads, discard }: ParallelOptions<R>,
  work: (source: ImageSource, reading: () => Reading) => Promise<R>,
): AsyncGenerator<R> {
  const processors = availableParallelism()
  const progress = new ManyProgress(watcher, title, files, reads)
  const kept = new HashThreads()
  let running = 0
  const hashing = (): HashOptions => ({ kept, threads: running * 2 > Math.max(2, processors) ? 1 : 2 })
  const read = async (source: ImageSource) => {
    running++
    const { watcher, end } = await progress.file(source)
    try {
      return await work(source, () => ({ watcher, hashing: hashing() }))
    } finally {
      running--
      end()
    }
  }
  try {
    yield* inOrder(files.sources, read, {
      most: Math.min(processors, MOST),
      ahead: AHEAD,
      ...(discard && { discard }),
    })
  } finally {
    progress.end()
    await kept.close()
  }
}
