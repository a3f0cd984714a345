import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { build } from 'rolldown'
import { afterAll, expect, test, vi } from 'vitest'
import { closeImageFile, openImageFile } from '../../src/disk/file/image-file.ts'
import { newRingMemory } from '../../src/disk/hash/hash-ring.ts'
import { hashInWorkers } from '../../src/disk/hash/hash-workers.ts'
import { hashOf, newFolder } from '../support/files/images.ts'
import { newWatcher } from '../support/process/watcher.ts'
import { some } from '../support/thorough.ts'
import type { RingRuns } from '../support/threads/ring-thread.ts'

const MIB = 2 ** 20
/** How notifications of threads are delayed: with what chance, and by how many milliseconds at most. */
let late: [chance: number, milliseconds: number] = [0, 0]

// Test files share their modules (vitest.config.ts), but the mocked ones must not be shared.
vi.hoisted(() => vi.resetModules())
afterAll(() => {
  vi.doUnmock('node:worker_threads')
  vi.resetModules()
})

// The threads of the program, with delayed notifications.
vi.mock('node:worker_threads', async (original) => {
  const real = await original<typeof import('node:worker_threads')>()
  return {
    ...real,
    Worker: class extends real.Worker {
      constructor(path: string, options: object) {
        const script = new URL('../support/threads/late-notifications.js', import.meta.url)
        script.search = `chance=${late[0]}&milliseconds=${late[1]}`
        super(path, { ...options, execArgv: ['--import', script.href] })
      }
    },
  }
})

const folder = newFolder()
afterAll(() => folder.remove())

/** Makes a file of random bytes. */
function newFile(size: number): string {
  const path = join(folder.path, `file${size}`)
  writeFileSync(path, randomFillSync(Buffer.alloc(size)))
  return path
}

/** Number of batches of a hundred files. */
const BATCHES = some(100, 10)

test(`two threads read the same bytes of a small file ${BATCHES * 100} times, with delayed notifications`, async () => {
  late = [0.2, 0.06]
  const size = 800
  const path = newFile(size)
  const expected = `${hashOf(path, 'md5')} ${size}`
  const [{ code }] = (
    await build({
      input: fileURLToPath(new URL('../support/threads/ring-thread.ts', import.meta.url)),
      platform: 'node',
      write: false,
    })
  ).output
  const script = join(folder.path, 'ring-thread.mjs')
  writeFileSync(script, code)
  const fd = openSync(path, 'r')
  const threads = [fd, undefined].map((workerData) => new Worker(script, { workerData }))
  try {
    const outcomes: string[] = []
    // V8 does not collect shared memory soon, so all batches use the same.
    const memories = Array.from({ length: 100 }, () => newRingMemory(true))
    for (let batch = 0; batch < BATCHES; batch++) {
      for (const { control } of memories) new Int32Array(control).fill(0)
      const runs: RingRuns = { memories, size, piece: 300 }
      const answers = threads.map((thread) => once(thread, 'message'))
      for (const thread of threads) thread.postMessage(runs)
      for (const [digests] of await Promise.all(answers)) outcomes.push(...digests)
    }
    expect(outcomes).toHaveLength(BATCHES * 200)
    expect([...new Set(outcomes)]).toEqual([expected])
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
    closeSync(fd)
  }
})

const RUNS = some(100, 10)

test(`hashes a large file correctly ${RUNS} times, with delayed notifications`, async () => {
  late = [0.1, 3]
  const size = 33 * MIB + 1
  const path = newFile(size)
  const file = await openImageFile(path)
  try {
    const found = new Set<string>()
    for (let run = 0; run < RUNS; run++) {
      const { md5, sha256, bytes } = await hashInWorkers(file, newWatcher().cancellation, () => {}, 2)
      found.add(`${md5} ${sha256} ${bytes}`)
    }
    expect([...found]).toEqual([`${hashOf(path, 'md5')} ${hashOf(path, 'sha256')} ${size}`])
  } finally {
    await closeImageFile(file)
  }
})
