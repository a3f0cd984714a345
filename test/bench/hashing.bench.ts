import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { closeImageFile, openImageFile } from '../../src/disk/file/image-file.ts'
import { hashImageFile } from '../../src/disk/hash/checksums.ts'
import { newFolder } from '../support/files/images.ts'
import { newWatcher } from '../support/process/watcher.ts'
import { record } from './support/goals.ts'
import { median, wallTime } from './support/times.ts'

const MIB = 2 ** 20
const SIZE = 2048 * MIB
const ROUNDS = 7
/** How many times as long as `md5sum` both checksums may take. */
const ALLOWED = 1.1

/** Writes a file of random bytes, which leaves it in the page cache. */
function writeRandom(path: string, size: number): void {
  const [from, to] = [openSync('/dev/urandom', 'r'), openSync(path, 'w')]
  const piece = Buffer.alloc(16 * MIB)
  for (let written = 0; written < size; ) written += writeSync(to, piece, 0, readSync(from, piece))
  for (const fd of [from, to]) closeSync(fd)
}

test('MD5 and SHA-256 of 2 GiB in the page cache, compared with md5sum', async () => {
  const folder = newFolder()
  const path = join(folder.path, 'big.raw')
  writeRandom(path, SIZE)
  const ours = async (threads: 1 | 2) => {
    const file = await openImageFile(path)
    try {
      return await hashImageFile(file, newWatcher(), { threads })
    } finally {
      await closeImageFile(file)
    }
  }
  const [md5, sha256] = await Promise.all(['md5sum', 'sha256sum'].map((program) => execa(program, [path])))
  expect(await ours(2)).toEqual({ md5: md5?.stdout.split(' ')[0], sha256: sha256?.stdout.split(' ')[0] })

  const ways: Record<string, () => Promise<unknown>> = {
    md5sum: () => execa('md5sum', [path]),
    'two threads': () => ours(2),
    'one thread': () => ours(1),
  }
  const times: Record<string, number[]> = {}
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, way] of Object.entries(ways)) times[name] = [...(times[name] ?? []), (await wallTime(way)) / 1000]
  console.log(`\nMD5 and SHA-256 of 2 GiB, ${ROUNDS} rounds side by side, ${process.version}; md5sum is MD5 alone`)
  const base = times.md5sum as number[]
  for (const [name, all] of Object.entries(times)) {
    const ratios = all.map((time, round) => time / (base[round] as number))
    const [best, middle] = [Math.min(...all) / Math.min(...base), median(ratios)]
    console.log(
      `  ${name.padEnd(12)} best ${Math.min(...all).toFixed(2)} s, median ${median(all).toFixed(2)} s; compared with md5sum: best ${best.toFixed(2)} x, median of rounds ${middle.toFixed(2)} x`,
    )
  }
  const ratio = Math.min(...(times['two threads'] as number[])) / Math.min(...base)
  record({
    part: 'hashing',
    what: 'MD5 and SHA-256 of 2 GiB in two threads, compared with md5sum alone',
    figure: `${ratio.toFixed(2)} ×`,
    goal: `≤ ${ALLOWED} ×`,
    isMet: ratio <= ALLOWED,
  })
  folder.remove()
})
