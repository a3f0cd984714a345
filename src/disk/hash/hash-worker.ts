import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { Ring, type RingMemory } from './hash-ring.ts'

/** A task of a thread of `hashInWorkers`. A thread can get several, one after the other. */
export interface HashTask {
  memory: RingMemory
  algorithms: ('md5' | 'sha256')[]
  /** Set for the thread that reads the file; the other thread follows it. */
  read?: { fd: number; size: number; followed: boolean }
}

/** The result of a thread: checksums in hex and the number of bytes, or the reason why the file cannot be read. */
export type HashOutcome = { sums: { md5?: string; sha256?: string }; bytes: number } | { unreadable: string }

/** Thrown if the file cannot be read; the message is the system's. */
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
    // The thread that comes last reports the progress.
    if (read?.followed !== true) Atomics.store(hashed, 0, BigInt(bytes))
  }
  return { sums: Object.fromEntries(algorithms.map((name, at) => [name, hashes[at]?.digest('hex')])), bytes }
}

/** Returns a function that reads the next piece. It stops past `size`, so a file that keeps growing is not read forever. */
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

function outcomeOf(task: HashTask): HashOutcome {
  try {
    return hash(task)
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    return { unreadable: error.message }
  }
}

parentPort?.on('message', (task: HashTask) => parentPort?.postMessage(outcomeOf(task)))
