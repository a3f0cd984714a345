import { bytesOf, choices } from '../choices.ts'
import type { Random } from '../finding/finding.ts'
import { BLOCK, binary, type Entry, longName, MAGICS, newEntry, octal, paxEntry, paxRecord } from './tar-bytes.ts'

/* Archives as programs write them, in every format. Some sparse files have invalid maps. */

type Stretch = [at: number, length: number]

/** A sparse file: its unpacked size in bytes, and the stretches with data. */
interface SparseFile {
  size: number
  stretches: Stretch[]
}

/** An archive before it is converted to bytes. */
export interface Draft {
  entries: Entry[]
  /** The index of the entry with the disk. */
  disk: number
  tail: Buffer
  story: string[]
}

/** Sizes of disks in bytes. */
export const SIZES = [0, 1, 511, 512, 513, 1024, 1536, 3072, 10_240, 20_000]

/** Returns a random archive as a program writes it. */
export function newDraft(random: Random): Draft {
  const { pick, chance } = choices(random)
  const style = pick(Object.keys(STYLES))
  const entries = (STYLES[style] as (random: Random) => Entry[])(random)
  const top = chance(0.2) ? [newEntry('./', Buffer.alloc(0), { type: '5', mode: '0000755\0' })] : []
  return {
    entries: [...top, ...entries],
    disk: top.length + entries.length - 1,
    tail: Buffer.alloc(pick([2, 2, 2, 20]) * BLOCK),
    story: [top.length > 0 ? `${style} with ./` : style],
  }
}

const plainName = (random: Random) => choices(random).pick(['disk.raw', './disk.raw', 'disk', 'a b.img'])

const STYLES: Record<string, (random: Random) => Entry[]> = {
  v7: (random) => [newEntry(plainName(random), bodyOf(random), { magic: MAGICS.v7 })],
  ustar: (random) => [newEntry(plainName(random), bodyOf(random), { uname: 'root', gname: 'root' })],
  gnu: (random) => [newEntry(plainName(random), bodyOf(random), { magic: MAGICS.gnu })],
  'long name': (random) => {
    const name = 'n'.repeat(choices(random).pick([10, 101, 200, 255]))
    return [longName(name), newEntry(name.slice(0, 100), bodyOf(random), { magic: MAGICS.gnu })]
  },
  pax: (random) => {
    const { pick } = choices(random)
    const body = bodyOf(random)
    const records = [
      ['mtime', '1700000000.5'],
      ['path', plainName(random)],
      ['size', String(body.length)],
      ['atime', '1'],
    ]
    const some = records.filter(() => pick([true, false]))
    return [
      paxEntry(some.map(([key, value]) => paxRecord(key as string, value as string)).join('')),
      newEntry('x', body),
    ]
  },
  global: (random) => [paxEntry(paxRecord('comment', 'c0ffee'), 'g'), newEntry(plainName(random), bodyOf(random))],
  star: (random) => [newEntry(plainName(random), bodyOf(random), { starTimes: '14700000000 14700000000 ' })],
  'sparse of old GNU': (random) => [oldSparse(random, mapFor(random))],
  'sparse 0.0': (random) => sparse(random, '0.0', mapFor(random)),
  'sparse 0.1': (random) => sparse(random, '0.1', mapFor(random)),
  'sparse 1.0': (random) => sparse(random, '1.0', mapFor(random)),
}

function bodyOf(random: Random): Buffer {
  const { pick } = choices(random)
  return bytesOf(random, pick(SIZES))
}

/** Returns the map of a sparse file, mostly as GNU tar writes it. */
function mapFor(random: Random): SparseFile {
  const { below, pick, chance } = choices(random)
  const stretches: Stretch[] = []
  let end = 0
  for (let count = pick([0, 1, 1, 2, 3, 4, 5, 26, 50]); count > 0; count--) {
    const at = end + pick([0, 1, 1, 2, 5]) * BLOCK
    const length = (1 + below(3)) * BLOCK
    stretches.push([at, length])
    end = at + length
  }
  if (chance(0.3)) {
    const last = stretches.at(-1)
    if (last !== undefined) last[1] -= pick([0, 100, 511])
    end = last === undefined ? 0 : last[0] + last[1]
  }
  const hole = chance(0.6) ? pick([512, 100, 4096, 1_000_000, 2 ** 33 + 512]) : 0
  if (hole > 0 || stretches.length === 0) stretches.push([end + hole, 0])
  const map = { size: end + hole, stretches }
  if (chance(0.25)) spoil(random, map)
  return map
}

function spoil(random: Random, map: SparseFile): void {
  const { below, pick } = choices(random)
  const { stretches } = map
  const index = below(stretches.length)
  const one = stretches[index] as Stretch
  pick([
    () => stretches.pop(),
    () => stretches.splice(index, 0, [one[0], 0]),
    () => stretches.push([map.size, 0]),
    () => stretches.reverse(),
    () => stretches.splice(index, 1),
    () => stretches.push([...one]),
    () => {
      one[0] += pick([1, -1, 256, 512, -512])
    },
    () => {
      one[1] += pick([1, -1, 100, 512])
    },
    () => {
      map.size += pick([1, -1, 512, -512, 100_000])
    },
  ])()
}

const sumOf = (stretches: Stretch[]) => stretches.reduce((sum, [, length]) => sum + Math.max(0, length), 0)

/** Returns the data of stretches, each padded to whole blocks. */
function dataOf(random: Random, stretches: Stretch[]): Buffer {
  return Buffer.concat(
    stretches.map(([, length]) => {
      const data = bytesOf(random, Math.max(0, length))
      return Buffer.concat([data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)])
    }),
  )
}

function oldSparse(random: Random, { size, stretches }: SparseFile): Entry {
  const number = (value: number) => (value < 8 ** 11 && value >= 0 ? octal(value) : binary(BigInt(value)))
  const entries = stretches.map(([at, length]) => number(at) + number(length))
  const blocks: Buffer[] = []
  for (let each = 4; each < entries.length; each += 21) {
    const block = Buffer.alloc(BLOCK)
    block.write(entries.slice(each, each + 21).join(''), 0, 'latin1')
    if (each + 21 < entries.length) block[504] = 1
    blocks.push(block)
  }
  const entry = newEntry('disk.raw', Buffer.concat([...blocks, dataOf(random, stretches)]), {
    type: 'S',
    magic: MAGICS.gnu,
    size: octal(sumOf(stretches)),
    realsize: number(size),
  })
  entry.patches.push([386, entries.slice(0, 4).join('')])
  if (entries.length > 4) entry.patches.push([482, '\x01'])
  return entry
}

function sparse(random: Random, form: '0.0' | '0.1' | '1.0', { size, stretches }: SparseFile): Entry[] {
  const records: [string, string | number][] = []
  const data = dataOf(random, stretches)
  const numbers = stretches.flat()
  if (form === '1.0') {
    const lines = `${stretches.length}\n${numbers.map((each) => `${each}\n`).join('')}`
    const map = Buffer.alloc(Math.ceil(lines.length / BLOCK) * BLOCK)
    map.write(lines)
    records.push(['major', 1], ['minor', 0], ['name', 'disk.raw'], ['realsize', size])
    const packed = map.length + sumOf(stretches)
    const entry = newEntry('./GNUSparseFile.1/disk.raw', Buffer.concat([map, data]), { size: octal(packed) })
    return [paxEntry(sparseRecords(records)), entry]
  }
  records.push(['size', size], ['numblocks', stretches.length])
  if (form === '0.1') records.push(['name', 'disk.raw'], ['map', numbers.join(',')])
  else for (const [at, length] of stretches) records.push(['offset', at], ['numbytes', length])
  const name = form === '0.1' ? './GNUSparseFile.1/disk.raw' : 'disk.raw'
  return [paxEntry(sparseRecords(records)), newEntry(name, data, { size: octal(sumOf(stretches)) })]
}

function sparseRecords(records: [string, string | number][]): string {
  return records.map(([key, value]) => paxRecord(`GNU.sparse.${key}`, String(value))).join('')
}
