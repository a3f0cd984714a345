import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { Ring, type RingMemory } from './hash-ring.ts'

/** What a thread of `hashInWorkers` is to do. */
export interface HashTask {
  memory: RingMemory
  algorithms: ('md5' | 'sha256')[]
  /** The thread that reads the file has this; without it, one takes what the other reads. */
  read?: { fd: number; size: number; followed: boolean }
}

/** What it answers: hex by algorithm and the bytes that were hashed, or why the file can't be read. */
export type HashOutcome = { sums: { md5?: string; sha256?: string }; bytes: number } | { unreadable: string }

/** Why the file can't be read. */
class Unreadable extends Error {}

function hash({ memory, algorithms, read }: HashTask): HashOutcome {
  const hashes = algorithms.map((algorithm) => createHash(algorithm))
  const hashed = new BigInt64Array(memory.hashed)
  const ring = new Ring(memory)
  const pieces = read === undefined ? ring.follow() : ring.lead(reader(read), read.followed)
  let bytes = 0
  for (const piece of pieces) {
    for (const each of hashes) each.update(piece)
    bytes += piece.length
    // The one that comes last tells how far it is.
    if (read?.followed !== true) Atomics.store(hashed, 0, BigInt(bytes))
  }
  return { sums: Object.fromEntries(algorithms.map((name, at) => [name, hashes[at]?.digest('hex')])), bytes }
}

/** Reads piece after piece, until the end or past the size, as what grows without end is not read without end. */
function reader({ fd, size }: { fd: number; size: number }): (slot: Uint8Array) => number {
  let position = 0
  return (slot) => {
    if (position > size) return 0
    try {
      const length = readSync(fd, slot, 0, slot.length, position)
      position += length
      return length
    } catch (error) {
      throw new Unreadable((error as Error).message)
    }
  }
}

let outcome: HashOutcome
try {
  outcome = hash(workerData)
} catch (error) {
  if (!(error instanceof Unreadable)) throw error
  outcome = { unreadable: error.message }
}
parentPort?.postMessage(outcome)
