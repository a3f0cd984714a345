import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'

/** `threadId` of a thread that has ended. */
const ENDED = -1

/** Threads that hash one file after the other, because starting a thread takes as long as hashing some MiB. */
export class HashThreads {
  readonly #idle: Worker[] = []
  #isClosed = false

  /** Returns a thread that has nothing to do. */
  take(): Worker {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop())
      if (idle.threadId !== ENDED) return idle
    // Found through the imports of package.json: the importing code may be in any bundle, so relative paths differ.
    return new Worker(createRequire(import.meta.url).resolve('#hash-worker'), { execArgv: [] })
  }

  /** Keeps a thread that has answered for the next file. */
  async giveBack(worker: Worker): Promise<void> {
    if (this.#isClosed) await worker.terminate()
    else this.#idle.push(worker)
  }

  /** Ends the idle threads. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#idle.splice(0).map((worker) => worker.terminate()))
  }
}
