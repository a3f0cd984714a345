import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { Ring, type RingMemory } from '../../../src/disk/hash/hash-ring.ts'

/** A series of runs for the two threads of a ring. Each run has its own ring. */
export interface RingRuns {
  memories: RingMemory[]
  /** The size of the file in bytes. */
  size: number
  /** The largest piece in bytes. Reads return fewer bytes at random, as they may on any system. */
  piece: number
}

/** The descriptor of the file, in the thread that reads it. */
const fd: number | undefined = workerData

parentPort?.on('message', ({ memories, size, piece }: RingRuns) => {
  parentPort?.postMessage(memories.map((memory) => hash(new Ring(memory), size, piece)))
})

/** Reads all pieces of a ring. Returns their MD5 and their size in bytes. */
function hash(ring: Ring, size: number, piece: number): string {
  const md5 = createHash('md5')
  let position = 0
  const fill = (slot: Uint8Array) => {
    const length = Math.min(1 + Math.floor(Math.random() * piece), size - position)
    const read = length === 0 ? 0 : readSync(fd as number, slot, 0, length, position)
    position += read
    return read
  }
  let bytes = 0
  for (const part of fd === undefined ? ring.follow() : ring.lead(fill, true)) {
    md5.update(part)
    bytes += part.length
  }
  return `${md5.digest('hex')} ${bytes}`
}
