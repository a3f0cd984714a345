import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Source } from '../../../src/disk/file/source.ts'
import { vmdk } from '../../../src/disk/formats/image/vmdk/vmdk.ts'
import { refusalIn } from '../../../src/disk/inspect/catch-refusals.ts'
import { Layout } from '../../../src/disk/inspect/layout.ts'
import type { Refusal } from '../../../src/disk/inspect/refusal.ts'
import { type Grain, grainsOf } from '../../support/files/image-bytes.ts'
import { newFolder } from '../../support/files/images.ts'
import { noise } from './inspecting.ts'

/* Compressed grains: every damaged grain is found, and no image that qemu-img makes is refused. */

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
afterAll(() => folder.remove())

const KIB = 1024
const GRAIN = 64 * KIB

function sourceOf(bytes: Buffer): Source {
  return {
    size: bytes.length,
    read: async (from, length) => (from < 0 ? Buffer.alloc(0) : bytes.subarray(from, from + length)),
  }
}

/** Returns the refusal by our own inspection of the tables of an image, which does not run qemu-img. */
async function refusalOf(bytes: Buffer): Promise<Refusal | undefined> {
  const source = sourceOf(bytes)
  try {
    const finding = await vmdk.inspect(source)
    return (await finding?.readLayout?.(source))?.refusal()
  } catch (error) {
    return refusalIn(error)
  }
}

/** Changes to a grain, and the expected refusals. */
const DAMAGE: [title: string, change: (bytes: Buffer, grain: Grain) => unknown, why: RegExp][] = [
  [
    'is marked as the next sector',
    (bytes, { at: start, sector }) => bytes.writeUInt32LE(sector + 1, start),
    /is marked as sector/,
  ],
  [
    'is marked as the sector of the next grain',
    (bytes, { at: start, sector }) => bytes.writeUInt32LE(sector + 128, start),
    /is marked as sector/,
  ],
  ['has length 0', (bytes, { at: start }) => bytes.writeUInt32LE(0, start + 8), /is marked as 0 bytes long/],
  [
    'reaches into the data after it',
    (bytes, { at: start }) => bytes.writeUInt32LE(2 * GRAIN, start + 8),
    /\boverlap\b|it needs/,
  ],
  ['lies in the header', (bytes, { entryAt }) => bytes.writeUInt32LE(1, entryAt), /overlaps its/],
  ['lies beyond the end', (bytes, { entryAt }) => bytes.writeUInt32LE(0x7fffffff, entryAt), /it needs/],
]

describe('a streamOptimized VMDK', () => {
  let original: Buffer
  let grains: Grain[]
  beforeAll(async () => {
    const disk = noise(48 * GRAIN, 3)
    // Grains of many lengths, and holes.
    for (let each = 0; each < 48; each++) disk.fill(0, each * GRAIN + each * 1300, (each + 1) * GRAIN)
    writeFileSync(at('disk.raw'), disk)
    const options = ['-f', 'raw', '-O', 'vmdk', '-o', 'subformat=streamOptimized']
    await execa('qemu-img', ['convert', ...options, at('disk.raw'), at('disk.vmdk')])
    original = readFileSync(at('disk.vmdk'))
    grains = grainsOf(at('disk.vmdk'))
    expect(grains.length).toBeGreaterThan(40)
    expect(await refusalOf(original)).toBeUndefined()
  })

  test.each(DAMAGE)('is refused if any grain %s', async (_, change, why) => {
    for (const grain of grains) {
      const bytes = Buffer.from(original)
      change(bytes, grain)
      expect(await refusalOf(bytes), `grain at ${grain.at}`).toMatchObject({ why: expect.stringMatching(why) })
    }
  })

  test('without the flag for markers, is checked only for the places of grains', async () => {
    const bytes = Buffer.from(original)
    bytes.writeUInt32LE(bytes.readUInt32LE(8) & ~(1 << 17), 8)
    const [first, second] = grains as [Grain, Grain]
    bytes.writeUInt32LE(1, first.at)
    expect(await refusalOf(bytes)).toBeUndefined()
    bytes.writeUInt32LE(second.at / 512, first.entryAt)
    expect(await refusalOf(bytes)).toMatchObject({ why: expect.stringMatching(/\boverlap\b/) })
  })

  test('may have grains in another order than the disk', async () => {
    await execa('qemu-img', ['create', '-q', '-f', 'vmdk', '-o', 'subformat=streamOptimized', at('order.vmdk'), '4M'])
    const writes = [9, 3, 60, 0, 7].flatMap((grain) => ['-c', `write -P ${grain + 1} ${grain * 64}k 64k`])
    await execa('qemu-io', ['-f', 'vmdk', ...writes, at('order.vmdk')])
    const starts = grainsOf(at('order.vmdk')).map((grain) => grain.at)
    expect(starts).not.toEqual(starts.toSorted((a, b) => a - b))
    expect(await refusalOf(readFileSync(at('order.vmdk')))).toBeUndefined()
  })
})

describe('the layout of a file', () => {
  const layoutOf = (...tables: [at: number, length: number][]) => {
    const layout = new Layout(100_000, 4096)
    for (const [start, length] of tables) layout.table(`table at ${start}`, start, length)
    return layout
  }

  test('accepts pieces that lie apart, also from tables that are added in any order', () => {
    const layout = layoutOf([5000, 100], [0, 512])
    for (const [start, length] of [
      [512, 4488],
      [5100, 10],
      [5110, 94_890],
    ] as const) {
      expect(layout.piece('grain', start, length)).toBe(true)
    }
    expect(layout.refusal()).toBeUndefined()
  })

  test.each<[pieces: [at: number, length: number][], why: string]>([
    [
      [
        [600, 10],
        [609, 10],
      ],
      'its grains at 600 and at 609 overlap',
    ],
    [
      [
        [600, 10],
        [600, 10],
      ],
      'its grains at 600 and at 600 overlap',
    ],
    [[[4000, 1001]], 'its grain at 4000 overlaps its table at 5000'],
    [[[5099, 1]], 'its grain at 5099 overlaps its table at 5000'],
    [
      [
        [6000, 10],
        [500, 13],
      ],
      'its grain at 500 overlaps its table at 0',
    ],
    [[[99_999, 2]], 'it needs 100001 bytes'],
  ])('refuses the pieces %j', (pieces, why) => {
    const layout = layoutOf([5000, 100], [0, 512])
    expect(pieces.map(([start, length]) => layout.piece('grain', start, length)).at(-1)).toBe(false)
    expect(layout.refusal()).toMatchObject({ why: expect.stringContaining(why) })
  })

  test('reports numbers exactly that a double cannot hold', () => {
    const layout = layoutOf()
    expect(layout.table('table', 2n ** 63n + 1n, 8)).toBe(false)
    expect(layout.refusal()).toMatchObject({ why: expect.stringContaining('it needs 9223372036854775817 bytes') })
  })
})
