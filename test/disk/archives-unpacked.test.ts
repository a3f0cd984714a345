import { afterAll, expect, test } from 'vitest'
import { flipped, type MadeArchive, makeArchive } from '../support/files/archives.ts'
import { newFolder } from '../support/files/images.ts'
import { realArchives } from '../support/files/real-archives.ts'
import { entryBytes, newEntry, paxEntry, paxRecord } from '../support/files/tar-bytes.ts'
import { type Compared, compareUnpacking } from '../support/files/unpacking.ts'
import { type Random, randomFrom } from '../support/finding/finding.ts'
import { some } from '../support/thorough.ts'

/*
 * Compares our reader with GNU tar and gunzip: they unpack every archive that we accept, exit with 0,
 * and leave one visible file, byte for byte the one that we read. The archives are the same in each
 * run. For more and other archives, with the numbers printed:
 * ARCHIVES_SEED=2 ARCHIVES=20000 npm test -- test/disk/archives-unpacked.test.ts
 */

const SEED = Number(process.env.ARCHIVES_SEED ?? 1)
const COUNT = Number(process.env.ARCHIVES ?? some(2000, 4))
const BATCH = 250

const folder = newFolder()
afterAll(() => folder.remove())

/** Makes archives in batches, and compares how each is read and unpacked. */
async function compareAll(
  title: string,
  count: number,
  make: (count: number) => MadeArchive[] | Promise<MadeArchive[]>,
) {
  const total: Compared = { accepted: 0, refused: [], differences: [] }
  for (let left = count; left > 0; left -= BATCH) {
    const { accepted, refused, differences } = await compareUnpacking(folder.path, await make(Math.min(BATCH, left)))
    total.accepted += accepted
    total.refused.push(...refused)
    total.differences.push(...differences)
  }
  const { accepted, refused, differences } = total
  if (process.env.ARCHIVES !== undefined)
    console.log(`${title}: ${accepted} accepted, ${refused.length} refused, ${differences.length} differences`)
  return total
}

test('agents unpack generated archives to the file that was read', { timeout: 60 * COUNT + 300_000 }, async () => {
  const random = randomFrom(SEED)
  const { accepted, refused, differences } = await compareAll('generated', COUNT, (count) =>
    Array.from({ length: count }, () => makeArchive(random)),
  )
  expect(differences).toEqual([])
  // Unless both happen often, the test shows nothing.
  expect(accepted).toBeGreaterThan(COUNT / 5)
  expect(refused.length).toBeGreaterThan(COUNT / 5)
})

test('accepts every archive that GNU tar makes of one disk image', { timeout: 60 * COUNT + 300_000 }, async () => {
  const random = randomFrom(SEED)
  const { accepted, refused, differences } = await compareAll('by GNU tar', COUNT / 10, (count) =>
    realArchives(folder.path, random, count),
  )
  expect({ refused, differences }).toEqual({ refused: [], differences: [] })
  expect(accepted).toBeGreaterThan(COUNT / 20)
})

test('agents unpack archives with changed bytes to the file that was read, if they are accepted', {
  timeout: 60 * COUNT + 300_000,
}, async () => {
  const random = randomFrom(SEED)
  const { differences } = await compareAll('by GNU tar, changed', COUNT / 10, async (count) =>
    (await realArchives(folder.path, random, count)).flatMap((archive) => changed(random, archive)),
  )
  expect(differences).toEqual([])
})

function changed(random: Random, { kind, story, bytes }: MadeArchive): MadeArchive[] {
  const stories = [story]
  return kind === 'tar' ? [{ kind, bytes: flipped(random, bytes, stories), story: stories.join('; ') }] : []
}

test('reads a sparse map that fills its blocks to its end, and no further', async () => {
  const archives = Array.from({ length: 12 }, (_, digits) => withMap(10 ** digits)).flat()
  const { accepted, differences } = await compareUnpacking(folder.path, archives)
  expect({ accepted, differences }).toEqual({ accepted: archives.length, differences: [] })
  expect(archives.length).toBeGreaterThan(0)
})

/** Returns sparse archives with a hole of this many sectors at the end, only those whose map fills its blocks. */
function withMap(sectors: number): MadeArchive[] {
  return Array.from({ length: 60 }, (_, count) => {
    const data = Array.from({ length: count }, (_, each) => each * 1024)
    const size = count * 1024 + sectors * 512
    const map = [count + 1, ...data.flatMap((at) => [at, 512]), size, 0].map((number) => `${number}\n`).join('')
    if (map.length % 512 !== 0) return []
    const records = { major: 1, minor: 0, name: 'disk.raw', realsize: size }
    const text = Object.entries(records).map(([key, value]) => paxRecord(`GNU.sparse.${key}`, `${value}`))
    const entries = [paxEntry(text.join('')), newEntry('x', Buffer.from(map + 'd'.repeat(512 * count)))]
    const bytes = Buffer.concat([...entries.map(entryBytes), Buffer.alloc(1024)])
    return [{ kind: 'tar' as const, bytes, story: `a map of ${map.length} bytes` }]
  }).flat()
}
