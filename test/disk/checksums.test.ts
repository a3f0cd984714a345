import { randomFillSync } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { closeImageFile, type ImageFile, openImageFile } from '../../src/disk/file/image-file.ts'
import { hashImageFile } from '../../src/disk/hash/checksums.ts'
import type { Watcher } from '../../src/disk/watcher.ts'
import { hashOf, newFolder } from '../support/files/images.ts'
import { newWatcher } from '../support/process/watcher.ts'
import { some } from '../support/thorough.ts'

const MIB = 2 ** 20
/** Bytes from which a file is hashed in worker threads, and bytes of the memory that they share. */
const [BIG, RING] = [32 * MIB, 8 * MIB]

const folder = newFolder()
afterAll(() => folder.remove())

let files = 0
/** Makes a sparse file of zeros. It is old, so that a change within the same tick of the clock is noticed. */
function newSparse(size: number): string {
  const path = join(folder.path, `file${++files}`)
  writeFileSync(path, '')
  truncateSync(path, size)
  utimesSync(path, 2, 2)
  return path
}

async function opened<T>(path: string, work: (file: ImageFile) => Promise<T>): Promise<T> {
  const file = await openImageFile(path)
  try {
    return await work(file)
  } finally {
    await closeImageFile(file)
  }
}

/** Returns the number of threads of this process. */
function threads(): number {
  return readdirSync('/proc/self/task').length
}

/** Returns the number of threads of this process when those that are ending have ended. */
async function settledThreads(): Promise<number> {
  for (let count = threads(); ; ) {
    await sleep(100)
    const next = threads()
    if (next === count) return count
    count = next
  }
}

/** Returns a watcher that runs `work` when the first bytes are hashed. */
function watcherThat(work: () => void): Watcher & { told: unknown[] } {
  const watcher = newWatcher()
  let hasRun = false
  return {
    ...watcher,
    progress: {
      begin(title, total) {
        const told = watcher.progress.begin(title, total)
        return {
          end: () => told.end(),
          advance(bytes) {
            told.advance(bytes)
            if (hasRun || bytes === 0) return
            hasRun = true
            work()
          },
        }
      },
    },
  }
}

const SIZES = [
  1,
  511,
  MIB - 1,
  MIB,
  MIB + 1,
  BIG - 1,
  BIG,
  BIG + 1,
  BIG + RING - 1,
  BIG + RING + 1,
  BIG + 3 * RING,
  some(100, 2) * MIB + 12345,
]
/** Each file has the first of these bytes. */
const BYTES = randomFillSync(Buffer.alloc(Math.max(...SIZES)))

describe.each(SIZES)('hashing %i bytes', (size) => {
  const path = join(folder.path, `${size}`)
  let expected: { md5: string; sha256: string }
  beforeAll(() => {
    writeFileSync(path, BYTES.subarray(0, size))
    expected = { md5: hashOf(path, 'md5'), sha256: hashOf(path, 'sha256') }
  })
  afterAll(() => truncateSync(path))

  test.each([1, 2] as const)('in %i threads returns their checksums', async (threads) => {
    const watcher = newWatcher()
    const checksums = await opened(path, (file) => hashImageFile(file, watcher, { threads }))
    expect(checksums).toEqual(expected)
    expect(watcher.told).toEqual([{ title: 'Hashing', total: size, done: size, ended: true }])
  })
})

describe.each([
  ['a small file', 20 * MIB],
  ['a big file', BIG + 2 * RING],
])('%s that changes while it is hashed', (_, size) => {
  test.each<[string, (path: string) => void]>([
    ['grows', (path) => appendFileSync(path, 'x')],
    ['shrinks', (path) => truncateSync(path, size - MIB)],
    ['is truncated to nothing', (path) => truncateSync(path, 0)],
    [
      'is written to',
      (path) => {
        const fd = openSync(path, 'r+')
        writeSync(fd, 'x', size - 1)
        closeSync(fd)
      },
    ],
    ['is touched', (path) => utimesSync(path, 1, 1)],
  ])('is refused if it %s', async (_, change) => {
    const path = newSparse(size)
    const watcher = watcherThat(() => change(path))
    await expect(opened(path, (file) => hashImageFile(file, watcher))).rejects.toMatchObject({
      code: 'FILE_REFUSED',
      message: `The file ${path} changed while it was being registered`,
    })
    expect(watcher.told).toMatchObject([{ ended: true }])
  })
})

test('refuses a file that changed since it was opened before hashing it', async () => {
  const path = newSparse(BIG + 2 * RING)
  const watcher = newWatcher()
  const hashing = opened(path, (file) => {
    appendFileSync(path, 'x')
    return hashImageFile(file, watcher)
  })
  await expect(hashing).rejects.toMatchObject({ code: 'FILE_REFUSED' })
  expect(watcher.told).toEqual([])
})

describe('a cancellation', () => {
  test.each([1, 2] as const)('ends %i threads in the middle of a file', async (number) => {
    const path = newSparse(100 * 1024 * MIB)
    await opened(path, async (file) => {
      const before = await settledThreads()
      const watcher = newWatcher()
      const hashing = hashImageFile(file, watcher, { threads: number })
      hashing.catch(() => {})
      await expect.poll(() => watcher.told[0]?.done).toBeGreaterThan(0)
      expect(threads()).toBeGreaterThan(before)
      const requested = performance.now()
      watcher.cancellation.request()
      await expect(hashing).rejects.toMatchObject({ code: 'INTERRUPTED' })
      // Hashing the whole file would take a minute.
      expect(performance.now() - requested).toBeLessThan(60_000)
      expect(watcher.told).toMatchObject([{ ended: true }])
      // An ended thread may be listed a moment longer.
      await expect.poll(threads).toBeLessThanOrEqual(before)
      // The threads do not read the file any longer, so it can be hashed again and closed.
      watcher.cancellation.reset()
      const again = hashImageFile(file, watcher, { threads: number })
      watcher.cancellation.request('TERMINATED')
      await expect(again).rejects.toMatchObject({ code: 'TERMINATED' })
    })
  })

  test('ends hashing before it begins, and in a small file', async () => {
    const watcher = newWatcher()
    watcher.cancellation.request()
    for (const size of [1, BIG]) {
      await expect(opened(newSparse(size), (file) => hashImageFile(file, watcher))).rejects.toMatchObject({
        code: 'INTERRUPTED',
      })
    }
    const path = newSparse(20 * MIB)
    const later = newWatcher()
    const hashing = opened(path, (file) => hashImageFile(file, later))
    hashing.catch(() => {})
    await expect.poll(() => later.told[0]?.done, { interval: 1 }).toBeGreaterThan(0)
    later.cancellation.request()
    await expect(hashing).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })
})

test.each([1, 2] as const)('reports a read error in %i threads', async (number) => {
  // Nothing is mapped at the start of the address space, so reading it fails.
  await opened(newSparse(1), async (file) => {
    const { open } = await import('node:fs/promises')
    const handle = await open('/proc/self/mem')
    try {
      for (const size of [1, BIG]) {
        const broken = { ...file, size, handle: unreadableHandle(file.handle, handle.fd, handle.read.bind(handle)) }
        await expect(hashImageFile(broken, newWatcher(), { threads: number })).rejects.toMatchObject({
          code: 'FILE_REFUSED',
          message: `The file ${file.path} cannot be read: EIO: i/o error, read`,
        })
      }
    } finally {
      await handle.close()
    }
  })
})

/** Returns a handle with the metadata of one file that reads another one. */
function unreadableHandle(handle: ImageFile['handle'], fd: number, read: unknown): ImageFile['handle'] {
  return { fd, read, stat: handle.stat.bind(handle) } as never
}

test('memory does not grow with the file, and the event loop is not blocked', async () => {
  const path = newSparse(some(1024, 4) * MIB)
  await opened(newSparse(BIG), (file) => hashImageFile(file, newWatcher()))
  // A busy machine delays ticks, so one good attempt is enough.
  for (let attempt = 1; ; attempt++) {
    const before = process.memoryUsage.rss()
    let most = before
    let ticks = 0
    let isOver = false
    const watching = (async () => {
      while (!isOver) {
        most = Math.max(most, process.memoryUsage.rss())
        ticks++
        await sleep(10)
      }
    })()
    const started = performance.now()
    await opened(path, (file) => hashImageFile(file, newWatcher()))
    isOver = true
    await watching
    expect(most - before).toBeLessThan(64 * MIB)
    const wanted = (performance.now() - started) / 40
    if (ticks > wanted) break
    if (attempt === 5) expect(ticks).toBeGreaterThan(wanted)
  }
})
