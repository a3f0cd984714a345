import { execFileSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Expectation, Inspection } from '../../src/disk/inspect/inspection.ts'
import { newFolder } from '../support/files/images.ts'
import { inspectFile } from '../support/files/inspecting-files.ts'
import { inTime } from '../support/in-time.ts'
import { IS_THOROUGH } from '../support/thorough.ts'
import { noise } from './formats/inspecting.ts'

/*
 * Files that are truncated or have changed headers: inspecting them ends soon, takes little memory,
 * and never accepts what QEMU calls broken or what lacks bytes of its disk. The damage is random,
 * but the same in each run. For other damage: DAMAGE_SEED=2 npm test -- test/disk/damage.test.ts
 */

const SEED = Number(process.env.DAMAGE_SEED ?? 1)
const [CUTS, FLIPS] = IS_THOROUGH ? [16, 24] : [8, 7]
/** Limits for one file: bytes of memory of this process and of qemu-img each, and milliseconds for both. */
const MEMORY_LIMIT = 64 * 1024 * 1024
const TIME_LIMIT = 3000

const KIB = 1024
const MIB = 1024 * KIB
const SECTOR = 512

interface Damaged {
  /** QEMU's name of the format, or the container format if it is packed. */
  format: string
  /** Shell command that makes IMAGE from DISK. */
  command: string
  /** Ranges of its headers and tables, which get the damage. */
  headers: [from: number, to: number][]
  isPacked?: boolean
}

const convert = (format: string, options = '', more = '') =>
  `qemu-img convert -f raw -O ${format} ${options && `-o ${options}`} ${more} DISK IMAGE`
const CLUSTERS: [number, number][] = [0, 1, 2, 3, 4].map((each) => [each * 64 * KIB, each * 64 * KIB + 200])
const REGIONS: [number, number][] = [0, 64, 128, 192, 256, 2048, 2112, 3072].map((at) => [at * KIB, at * KIB + 120])

/** Bytes of DISK. The last one is not zero. */
const DISK_SIZE = 2 * MIB + 3 * SECTOR
/** Images to damage. Their names seed the damage. */
const IMAGES: Record<string, Damaged> = {
  qcow2: { format: 'qcow2', command: convert('qcow2'), headers: CLUSTERS },
  'qcow2 of version 2': { format: 'qcow2', command: convert('qcow2', 'compat=0.10'), headers: CLUSTERS },
  'qcow2 with clusters of 512': {
    format: 'qcow2',
    command: convert('qcow2', 'cluster_size=512'),
    headers: [
      [0, 112],
      [0, 4 * KIB],
      [0, 64 * KIB],
    ],
  },
  'qcow2 with clusters of 2 MiB': {
    format: 'qcow2',
    command: convert('qcow2', 'cluster_size=2M'),
    headers: [0, 2, 4, 6, 8].map((at) => [at * MIB, at * MIB + 100]),
  },
  'qcow2 with subclusters': { format: 'qcow2', command: convert('qcow2', 'extended_l2=on'), headers: CLUSTERS },
  'qcow2 compressed': { format: 'qcow2', command: convert('qcow2', '', '-c'), headers: CLUSTERS },
  'qcow2 compressed by zstd': {
    format: 'qcow2',
    command: convert('qcow2', 'compression_type=zstd', '-c'),
    headers: CLUSTERS,
  },
  'qcow2 with snapshots and bitmaps': {
    format: 'qcow2',
    command: `${convert('qcow2', 'cluster_size=4k')} && qemu-img snapshot -c one IMAGE &&
      qemu-img bitmap --add IMAGE two && qemu-img snapshot -c two IMAGE`,
    headers: [
      [0, 112],
      [0, 40 * KIB],
      [400 * KIB, 500 * KIB],
    ],
  },
  qcow: {
    format: 'qcow',
    command: convert('qcow'),
    headers: [
      [0, 48],
      [0, 100],
      [4 * KIB, 6 * KIB],
    ],
  },
  qed: {
    format: 'qed',
    command: convert('qed'),
    headers: [
      [0, 64],
      [64 * KIB, 64 * KIB + 20],
    ],
  },
  vmdk: {
    format: 'vmdk',
    command: convert('vmdk'),
    headers: [
      [0, 80],
      [0, 11 * KIB],
      [10 * KIB, 11 * KIB],
    ],
  },
  'vmdk streamOptimized': {
    format: 'vmdk',
    command: convert('vmdk', 'subformat=streamOptimized'),
    headers: [
      [0, 80],
      [0, 11 * KIB],
    ],
  },
  vdi: {
    format: 'vdi',
    command: convert('vdi'),
    headers: [
      [60, 450],
      [336, 392],
      [512, 530],
    ],
  },
  'vdi static': {
    format: 'vdi',
    command: convert('vdi', 'static=on'),
    headers: [
      [60, 450],
      [336, 392],
    ],
  },
  vpc: {
    format: 'vpc',
    command: convert('vpc', 'force_size=on'),
    headers: [
      [0, 90],
      [512, 620],
      [1536, 1544],
    ],
  },
  'vpc fixed': {
    format: 'vpc',
    command: convert('vpc', 'force_size=on,subformat=fixed'),
    headers: [[DISK_SIZE, DISK_SIZE + 90]],
  },
  vhdx: { format: 'vhdx', command: convert('vhdx'), headers: REGIONS },
  'vhdx fixed': { format: 'vhdx', command: convert('vhdx', 'subformat=fixed'), headers: REGIONS },
  parallels: {
    format: 'parallels',
    command: convert('parallels'),
    headers: [
      [0, 64],
      [64, 72],
    ],
  },
  'raw with an MBR': {
    format: 'raw',
    command: "truncate -s 4M IMAGE && echo '1M,3M,L,*' | sfdisk -q IMAGE",
    headers: [[440, 512]],
  },
  'raw with a GPT': {
    format: 'raw',
    command: "truncate -s 4M IMAGE && echo '1M,2M,L' | sfdisk -q -X gpt IMAGE",
    headers: [
      [440, 512],
      [512, 620],
      [1024, 1200],
    ],
  },
  'raw with ISO 9660': {
    format: 'raw',
    command: 'genisoimage -quiet -no-pad -o IMAGE DISK',
    headers: [[32 * KIB, 32 * KIB + 190]],
  },
  'raw with ext4': { format: 'raw', command: 'truncate -s 4M IMAGE && mkfs.ext4 -q IMAGE', headers: [[1024, 1400]] },
  'raw with FAT': {
    format: 'raw',
    command: 'truncate -s 8M IMAGE && mkfs.vfat IMAGE',
    headers: [[0, 64]],
  },
  gz: {
    format: 'gz',
    command: `${convert('qcow2')} && gzip -c IMAGE > P && mv P IMAGE`,
    headers: [[0, 512]],
    isPacked: true,
  },
  tar: { format: 'tar', command: 'tar -b 1 -cf IMAGE DISK', headers: [[0, 512]], isPacked: true },
  tgz: { format: 'tgz', command: 'tar -czf IMAGE DISK', headers: [[0, 512]], isPacked: true },
}

const folder = newFolder()
const originalPath = process.env.PATH
const memoryLog = join(folder.path, 'memory')

beforeAll(() => {
  const disk = noise(DISK_SIZE, 7)
  // Holes, and text that compresses.
  disk.fill(0, 100 * KIB, 700 * KIB)
  disk.fill('text ', 900 * KIB, 1700 * KIB)
  disk[DISK_SIZE - 1] = 1
  writeFileSync(join(folder.path, 'DISK'), disk)
  // Wraps qemu-img to log how much memory it takes.
  const real = execFileSync('which', ['qemu-img'], { encoding: 'utf8' }).trim()
  mkdirSync(join(folder.path, 'bin'))
  const script = `#!/bin/sh\nexec /usr/bin/time -q -a -o ${memoryLog} -f %M ${real} "$@"\n`
  writeFileSync(join(folder.path, 'bin/qemu-img'), script, { mode: 0o755 })
  process.env.PATH = `${join(folder.path, 'bin')}:${originalPath}`
})
afterAll(() => {
  process.env.PATH = originalPath
  folder.remove()
})

/** Returns a generator of pseudo-random numbers from 0 to 1, the same ones for the same seed and name. */
function randomFor(name: string): () => number {
  const seed = [...name].reduce((sum, character) => sum * 31 + character.charCodeAt(0), SEED) >>> 0
  const bytes = noise(16 * KIB, seed)
  let at = 0
  return () => {
    at = (at + 4) % bytes.length
    return bytes.readUInt32LE(at) / 2 ** 32
  }
}

/** Expects a VHD to be one: without its footer, a fixed VHD passes as a raw disk. */
function expectationOf({ format }: Damaged): Expectation {
  return format === 'vpc' ? { format } : {}
}

/** Inspects a file within the limits. `what` describes the damage in messages. */
async function inspectWithin(path: string, image: Damaged, what: string): Promise<Inspection> {
  writeFileSync(memoryLog, '')
  const memory = process.memoryUsage.rss()
  const expected = expectationOf(image)
  const inspection = await inTime(TIME_LIMIT, what, () =>
    inspectFile(path, expected).catch((error) => {
      throw new Error(`${what}: ${error.message}`, { cause: error })
    }),
  )
  expect(process.memoryUsage.rss() - memory, `bytes of memory for ${what}`).toBeLessThan(MEMORY_LIMIT)
  const taken = readFileSync(memoryLog, 'utf8').trim().split('\n').map(Number)
  expect(Math.max(...taken) * KIB, `bytes of memory of qemu-img for ${what}`).toBeLessThan(MEMORY_LIMIT)
  return inspection
}

async function requireSound(path: string, format: string, what: string): Promise<void> {
  const { exitCode, stderr } = await execa('qemu-img', ['check', '-f', format, path], { reject: false })
  // No errors, leaked clusters, or a format that cannot be checked.
  expect([0, 3, 63], `exit code of qemu-img check for ${what}: ${stderr}`).toContain(exitCode)
}

/** Requires that no data of the disk lies beyond the end of the file. */
async function requireWithinFile(path: string, format: string, what: string): Promise<void> {
  const { stdout } = await execa('qemu-img', ['map', '--output=json', '-f', format, path])
  const extents: { data: boolean; offset?: number; length: number }[] = JSON.parse(stdout)
  const end = Math.max(0, ...extents.map(({ data, offset, length }) => (data && offset ? offset + length : 0)))
  expect(end, `end of the data for ${what}`).toBeLessThanOrEqual(Math.ceil(statSync(path).size / SECTOR) * SECTOR)
}

/** Returns the lengths to which a file is truncated, longest first. */
function cutsOf(size: number, random: () => number): number[] {
  const cuts = new Set([1, SECTOR, 513, size >> 1, size - SECTOR, size - 1])
  while (cuts.size < CUTS) {
    const missing = random() < 0.5 ? Math.min(size, 200 * KIB) : size
    cuts.add(size - 1 - Math.floor(random() * (missing - 2)))
  }
  return [...cuts].filter((cut) => cut > 0).sort((a, b) => b - a)
}

/** Changes bytes in the headers of a file. Returns a function that undoes it, and a description. */
function flip(path: string, { headers }: Damaged, random: () => number): { undo(): void; done: string } {
  const below = (limit: number) => Math.floor(random() * limit)
  const [from, to] = headers[below(headers.length)] as [number, number]
  const width = [1, 1, 2, 4, 8][below(5)] as number
  const at = from + Math.floor(below(Math.min(to, statSync(path).size - width) - from) / width) * width
  const file = openSync(path, 'r+')
  const before = Buffer.alloc(width)
  readSync(file, before, 0, width, at)
  const after = Buffer.from(before)
  const way = below(4)
  if (way < 2) after.fill(way * 0xff)
  else if (way === 2) after.writeUInt8(below(256), below(width))
  if (after.equals(before)) after.writeUInt8(after.readUInt8(0) ^ (1 << below(8)), 0)
  writeSync(file, after, 0, width, at)
  closeSync(file)
  const undo = () => {
    const again = openSync(path, 'r+')
    writeSync(again, before, 0, width, at)
    closeSync(again)
  }
  return { undo, done: `${before.toString('hex')} changed to ${after.toString('hex')} at ${at}` }
}

describe.each(Object.entries(IMAGES))('%s', (name, image) => {
  const path = join(folder.path, name.replaceAll(' ', '-'))
  const damaged = `${path}-damaged`
  beforeAll(async () => {
    const command = image.command.replaceAll('IMAGE', path)
    await execa(command, { cwd: folder.path, shell: true, env: { PATH: `${originalPath}:/usr/sbin:/sbin` } })
    copyFileSync(path, damaged)
    expect((await inspectFile(path, expectationOf(image))).refusals).toEqual([])
  })

  test('is accepted when truncated only if nothing is missing', async () => {
    const { size } = statSync(path)
    for (const cut of cutsOf(size, randomFor(`${name} cut`))) {
      truncateSync(damaged, cut)
      const what = `${name} truncated to ${cut} of ${size} bytes, seed ${SEED}`
      const { refusals, fileFormat } = await inspectWithin(damaged, image, what)
      if (refusals.length > 0) continue
      // The start of a raw disk may not show what it was, and a tar archive does not need the zeros at its end.
      if (image.format === 'raw') expect(cut, `accepted: ${what}`).toBeLessThan(33 * KIB)
      else if (image.isPacked)
        expect([image.format, size - cut <= 2 * SECTOR], `accepted: ${what}`).toEqual(['tar', true])
      else {
        expect(fileFormat, what).toBe(image.format)
        await requireSound(damaged, image.format, what)
        const compare = ['compare', '-f', image.format, '-F', image.format, damaged, path]
        expect((await execa('qemu-img', compare, { reject: false })).stdout, what).toBe('Images are identical.')
      }
    }
  })

  test('is accepted with changed headers only if QEMU finds it sound', async () => {
    copyFileSync(path, damaged)
    const random = randomFor(`${name} changed`)
    for (let each = 0; each < FLIPS; each++) {
      const { undo, done } = flip(damaged, image, random)
      const what = `${name} with ${done}, seed ${SEED}`
      const { refusals, fileFormat } = await inspectWithin(damaged, image, what)
      if (refusals.length === 0 && image.format !== 'raw' && !image.isPacked) {
        await requireSound(damaged, fileFormat as string, what)
        await requireWithinFile(damaged, fileFormat as string, what)
      }
      undo()
    }
  })
})

/** Damage that was once accepted, or refused for a wrong reason. `change` gets the bytes of the file. */
const ONCE: [title: string, command: string, change: (bytes: Buffer) => Buffer, message: RegExp | undefined][] = [
  [
    'NTFS truncated in its backup boot sector',
    'truncate -s 8M IMAGE && mkfs.ntfs -q -F IMAGE',
    (bytes) => bytes.subarray(0, bytes.length - 1),
    /truncated/,
  ],
  [
    'NTFS without its backup boot sector',
    'truncate -s 8M IMAGE && mkfs.ntfs -q -F IMAGE',
    (bytes) => bytes.subarray(0, bytes.length - SECTOR),
    undefined,
  ],
  [
    'VMDK with grains of 640 sectors',
    convert('vmdk'),
    (bytes) => Buffer.concat([bytes.subarray(0, 20), Buffer.of(0x80, 2), bytes.subarray(22)]),
    /grains of 327680 bytes/,
  ],
  [
    'VHD without its last byte',
    convert('vpc', 'force_size=on'),
    (bytes) => bytes.subarray(0, bytes.length - 1),
    /footer at its end is incomplete/,
  ],
  [
    'qcow2 without its last byte',
    'head -c 1M DISK > IMAGE.raw && tail -c 1M DISK >> IMAGE.raw && qemu-img convert -f raw -O qcow2 IMAGE.raw IMAGE',
    (bytes) => bytes.subarray(0, bytes.length - 1),
    /truncated/,
  ],
]

test.each(ONCE)('finds the damage: %s', async (title, command, change, message) => {
  const path = join(folder.path, title.replaceAll(' ', '-'))
  const env = { PATH: `${originalPath}:/usr/sbin:/sbin` }
  await execa(command.replaceAll('IMAGE', path), { cwd: folder.path, shell: true, env })
  writeFileSync(path, change(readFileSync(path)))
  const { refusals, warnings } = await inspectFile(path)
  if (message) expect(refusals).toEqual([expect.objectContaining({ why: expect.stringMatching(message) })])
  else expect([refusals, warnings]).toEqual([[], [expect.stringMatching(/no backup boot sector/)]])
})
