import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { Ring, type RingMemory } from '../../src/disk/hash-ring.ts'

/** The work of one of the two threads of a ring, run after run. */
export interface RingRun {
  memory: RingMemory
  /** Bytes of the file. */
  size: number
  /** The most that a piece may have: a reading may always bring fewer bytes than were asked for. */
  piece: number
}

const fd: number | undefined = workerData

parentPort?.on('message', ({ memory, size, piece }: RingRun) => {
  const hash = createHash('md5')
  const ring = new Ring(memory)
  let position = 0
  const fill = (slot: Uint8Array) => {
    const length = Math.min(1 + Math.floor(Math.random() * piece), size - position)
    const read = length === 0 ? 0 : readSync(fd as number, slot, 0, length, position)
    position += read
    return read
  }
  let bytes = 0
  for (const part of fd === undefined ? ring.follow() : ring.lead(fill, true)) {
    hash.update(part)
    bytes += part.length
  }
  parentPort?.postMessage(`${hash.digest('hex')} ${bytes}`)
})
