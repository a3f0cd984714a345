import type { Worker } from 'node:worker_threads'
import { type ImageFile, unreadable } from '../file/image-file.ts'
import type { Cancellation } from '../watcher.ts'
import { newRingMemory, type RingMemory } from './hash-ring.ts'
import { HashThreads } from './hash-threads.ts'
import type { HashOutcome, HashTask } from './hash-worker.ts'
import type { Hashed } from './hashed.ts'

/** Milliseconds between two updates of the progress. */
const INTERVAL = 100

/**
 * Hashes an open file in one thread, or in two: one reads the file and computes SHA-256, the
 * other computes MD5 of the same bytes. When the promise settles, no thread reads the file, and all have ended, except
 * those that `kept` keeps.
 *
 * @param advance called with the bytes hashed since the last call.
 * @param kept keeps the threads for other files.
 * @returns the checksums, and the number of bytes that each thread counted.
 * @throws VdcError FILE_REFUSED if the file cannot be read; the error of the cancellation; Error if
 *   the threads counted different numbers of bytes.
 */
export async function hashInWorkers(
  file: ImageFile,
  cancellation: Cancellation,
  advance: (bytes: number) => void,
  threads: 1 | 2,
  kept?: HashThreads,
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
  const outcomes = await runTasks(tasks, cancellation, watchHashed(memory, advance), kept)
  const sums: Partial<Hashed> = {}
  for (const outcome of outcomes) {
    if ('unreadable' in outcome) throw unreadable(file, outcome.unreadable)
    // Both threads get the same pieces, so a difference is a bug of this program.
    if (sums.bytes !== undefined && sums.bytes !== outcome.bytes)
      throw new Error(`One thread hashed ${sums.bytes} bytes of ${file.path}, the other ${outcome.bytes}`)
    Object.assign(sums, outcome.sums, { bytes: outcome.bytes })
  }
  return sums as Hashed
}

/**
 * Runs each task in a thread.
 *
 * @param onInterval called regularly to report the progress.
 * @throws the error of the cancellation, after all threads have ended.
 */
async function runTasks(
  tasks: readonly HashTask[],
  cancellation: Cancellation,
  onInterval: () => void,
  kept: HashThreads | undefined,
): Promise<HashOutcome[]> {
  const threads = kept ?? new HashThreads()
  const workers = tasks.map((task) => {
    const worker = threads.take()
    worker.postMessage(task)
    return worker
  })
  const timer = setInterval(onInterval, INTERVAL)
  const done = new AbortController()
  let isAnswered = false
  try {
    const outcomes = await Promise.race([outcomesOf(workers), aborted(cancellation.signal, done.signal)])
    cancellation.throwIfRequested()
    onInterval()
    isAnswered = kept !== undefined && outcomes.length === workers.length
    return outcomes
  } finally {
    done.abort()
    clearInterval(timer)
    // Otherwise a thread may still read the file.
    await Promise.all(workers.map((worker) => (isAnswered ? threads.giveBack(worker) : worker.terminate())))
  }
}

/** Returns the results of the threads' tasks; if the file cannot be read, only that result, because the other thread then waits forever. */
function outcomesOf(workers: readonly Worker[]): Promise<HashOutcome[]> {
  return new Promise((resolve, reject) => {
    const answered = new Map<Worker, HashOutcome>()
    for (const worker of workers) {
      const onMessage = (outcome: HashOutcome) => {
        worker.off('error', reject).off('exit', onExit)
        answered.set(worker, outcome)
        if ('unreadable' in outcome || answered.size === workers.length) resolve([...answered.values()])
      }
      const onExit = () => reject(new Error('A thread that hashes ended before it was done'))
      worker.once('message', onMessage).once('error', reject).once('exit', onExit)
    }
  })
}

/** Resolves to an empty list when `signal` is aborted, unless `forget` was aborted before. */
function aborted(signal: AbortSignal, forget: AbortSignal): Promise<HashOutcome[]> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve([])
    signal.addEventListener('abort', () => resolve([]), { once: true, signal: forget })
  })
}

/** Returns a function that calls `advance` with the bytes hashed since its last call. */
function watchHashed(memory: RingMemory, advance: (bytes: number) => void): () => void {
  const hashed = new BigInt64Array(memory.hashed)
  let reported = 0
  return () => {
    const bytes = Number(Atomics.load(hashed, 0))
    advance(bytes - reported)
    reported = bytes
  }
}
