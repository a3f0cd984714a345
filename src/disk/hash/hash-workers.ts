import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { type ImageFile, unreadable } from '../file/image-file.ts'
import type { Cancellation } from '../watcher.ts'
import { newRingMemory, type RingMemory } from './hash-ring.ts'
import type { HashOutcome, HashTask } from './hash-worker.ts'
import type { Hashed } from './hashed.ts'

/** Milliseconds between two looks at how far the threads are. */
const INTERVAL = 100

/**
 * Hashes an open file in one thread, or in two of which one reads and takes
 * SHA-256, and the other MD5 of the same bytes. None of them is left when it ends,
 * however that is.
 *
 * @param advance told of the bytes that are hashed since the last time.
 * @returns the checksums, and how many bytes each thread counted.
 * @throws VdcError FILE_REFUSED when it can't be read; what the cancellation throws; Error when the threads counted differently.
 */
export async function hashInWorkers(
  file: ImageFile,
  cancellation: Cancellation,
  advance: (bytes: number) => void,
  threads: 1 | 2,
): Promise<Hashed> {
  const followed = threads === 2
  const memory = newRingMemory(followed)
  const read = { fd: file.handle.fd, size: file.size, followed }
  const tasks: HashTask[] = followed
    ? [
        { memory, algorithms: ['sha256'], read },
        { memory, algorithms: ['md5'] },
      ]
    : [{ memory, algorithms: ['md5', 'sha256'], read }]
  const outcomes = await runTasks(tasks, cancellation, watchHashed(memory, advance))
  const sums: Partial<Hashed> = {}
  for (const outcome of outcomes) {
    if ('unreadable' in outcome) throw unreadable(file, outcome.unreadable)
    // Both were handed the same pieces: a byte that one of them missed is a fault of this program.
    if (sums.bytes !== undefined && sums.bytes !== outcome.bytes)
      throw new Error(`One thread hashed ${sums.bytes} bytes of ${file.path}, the other ${outcome.bytes}`)
    Object.assign(sums, outcome.sums, { bytes: outcome.bytes })
  }
  return sums as Hashed
}

/** @throws what the cancellation throws, when no thread runs any more. */
async function runTasks(
  tasks: readonly HashTask[],
  cancellation: Cancellation,
  tell: () => void,
): Promise<HashOutcome[]> {
  // Found by the package's own name for it, as it lies elsewhere than what imports it, which is part of some bundle.
  const path = createRequire(import.meta.url).resolve('#hash-worker')
  const workers = tasks.map((workerData) => new Worker(path, { workerData, execArgv: [] }))
  const timer = setInterval(tell, INTERVAL)
  const done = new AbortController()
  try {
    const outcomes = await Promise.race([outcomesOf(workers), aborted(cancellation.signal, done.signal)])
    cancellation.throwIfRequested()
    tell()
    return outcomes
  } finally {
    done.abort()
    clearInterval(timer)
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

/** What the threads answer; where the file can't be read, that alone, as the others wait for ever then. */
function outcomesOf(workers: readonly Worker[]): Promise<HashOutcome[]> {
  return new Promise((resolve, reject) => {
    const answered = new Map<Worker, HashOutcome>()
    for (const worker of workers) {
      worker.once('message', (outcome: HashOutcome) => {
        answered.set(worker, outcome)
        if ('unreadable' in outcome || answered.size === workers.length) resolve([...answered.values()])
      })
      worker.once('error', reject)
      worker.once('exit', () => {
        if (!answered.has(worker)) reject(new Error('A thread that hashes ended before it was done'))
      })
    }
  })
}

/** Ends, with nothing, when the first signal is aborted, unless the second one was before. */
function aborted(signal: AbortSignal, forget: AbortSignal): Promise<HashOutcome[]> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve([])
    signal.addEventListener('abort', () => resolve([]), { once: true, signal: forget })
  })
}

/** Makes what tells `advance` of the bytes since the last time. */
function watchHashed(memory: RingMemory, advance: (bytes: number) => void): () => void {
  const hashed = new BigInt64Array(memory.hashed)
  let told = 0
  return () => {
    const bytes = Number(Atomics.load(hashed, 0))
    advance(bytes - told)
    told = bytes
  }
}
