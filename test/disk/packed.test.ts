import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newFolder } from '../support/files/images.ts'
import { lookInto, lookIntoBytes, PACKERS, pack, wordyDisk } from '../support/files/packed-images.ts'
import { randomFrom } from '../support/finding/finding.ts'
import { IS_THOROUGH } from '../support/thorough.ts'

const DISK = wordyDisk()
const folder = newFolder()
const at = (name: string) => join(folder.path, name)
const ENDINGS = Object.keys(PACKERS)
const PROGRAMS = ['xz', 'zst', 'bz2']

beforeAll(async () => {
  writeFileSync(at('disk.raw'), DISK)
  await pack(folder.path, 'qemu-img convert -O qcow2 FILE OUT', 'disk.raw', 'disk.qcow2')
  await pack(folder.path, 'qemu-img convert -O vpc FILE OUT', 'disk.raw', 'disk.vhd')
  await pack(folder.path, 'qemu-img create -q -f qcow2 -F raw -b FILE OUT', 'disk.raw', 'child.qcow2')
  for (const [ending, command] of Object.entries(PACKERS)) {
    for (const name of ['disk.raw', 'disk.qcow2', 'disk.vhd', 'child.qcow2'])
      await pack(folder.path, command, name, `${name}.${ending}`)
  }
})
afterAll(() => folder.remove())

describe.each(ENDINGS)('an image packed as .%s', (ending) => {
  test.each([
    ['disk.raw', 'raw'],
    ['disk.qcow2', 'qcow2'],
    ['disk.vhd', 'vpc'],
  ])('is unpacked once, with the bytes of %s', async (name, format) => {
    const { inspection, disk } = await lookInto(at(`${name}.${ending}`))
    expect(inspection).toMatchObject({ containerFormat: ending, fileFormat: format, refusals: [], warnings: [] })
    expect(inspection.size).toBe(readFileSync(at(name)).length)
    expect(disk?.equals(readFileSync(at(name)))).toBe(true)
  })

  test('is refused if the image inside is', async () => {
    const { why, disk } = await lookInto(at(`child.qcow2.${ending}`))
    expect(why).toMatch(/^refers to the backing file disk.raw, but an image must be self-contained$/)
    expect(disk).toBeUndefined()
  })

  test('is refused as it is, unless a copy is made', async () => {
    expect((await lookInto(at(`disk.raw.${ending}`), { unpacks: 'agents' })).inspection).toMatchObject({
      containerFormat: 'none',
      refusals: [{ why: expect.stringMatching(/^is .*, which the agents cannot unpack$/) }],
    })
    expect((await lookInto(at(`disk.raw.${ending}`), { unpacks: 'all-to-report' })).inspection).toMatchObject({
      containerFormat: ending,
      fileFormat: 'raw',
      refusals: [{ hint: expect.stringMatching(/^Register a copy with --convert qcow2, or make one: vdc-manage/) }],
    })
  })

  test('is refused if it is cut off anywhere', async () => {
    const whole = readFileSync(at(`disk.raw.${ending}`))
    const count = IS_THOROUGH ? 200 : 7
    for (let cut = 1; cut <= count; cut++) {
      const length = cut === count ? whole.length - 1 : Math.floor((cut * whole.length) / count)
      const { why } = await lookIntoBytes(whole.subarray(0, length), ending)
      expect(why, `${length} bytes`).toBeDefined()
    }
  })

  test('is the same disk or refused with any byte flipped', async () => {
    const whole = readFileSync(at(`disk.raw.${ending}`))
    const random = randomFrom(4)
    const near = [...Array(16).keys()].flatMap((place) => [place, whole.length - 1 - place])
    const more = Array.from({ length: IS_THOROUGH ? 2000 : 12 }, () => Math.floor(random() * whole.length))
    for (const place of [...near, ...more]) {
      const bytes = Buffer.from(whole)
      bytes[place] = (bytes[place] as number) ^ (1 << Math.floor(random() * 8))
      const { why, disk } = await lookIntoBytes(bytes, ending, { maxSize: 2 * DISK.length })
      if (why === undefined) expect(disk?.equals(DISK), `byte ${place}`).toBe(true)
    }
  })

  test('is refused with data after it', async () => {
    const junk = Buffer.from('\nThis is no more than a word or two.\n')
    const { why } = await lookIntoBytes(Buffer.concat([readFileSync(at(`disk.raw.${ending}`)), junk]), ending)
    expect(why).toMatch(/other data after|cannot unpack it/)
  })

  test('is refused as soon as it is larger than allowed', async () => {
    const limit = DISK.length - 1
    const expected = { why: `unpacks to more than ${limit} bytes` }
    expect(await lookInto(at(`disk.raw.${ending}`), { maxSize: limit })).toMatchObject(expected)
  })

  test('is refused if it holds nothing, or one that is packed again', async () => {
    writeFileSync(at('empty'), '')
    await pack(folder.path, PACKERS[ending] as string, 'empty', `empty.${ending}`)
    expect((await lookInto(at(`empty.${ending}`))).why).toMatch(/empty after unpacking|holds nothing/)
    await pack(folder.path, PACKERS[ending] as string, `disk.raw.${ending}`, `twice.${ending}`)
    expect((await lookInto(at(`twice.${ending}`))).why).toMatch(/^is .*, which the agents cannot unpack$/)
  })

  test('may hold a tar archive of one disk', async () => {
    await pack(folder.path, 'tar -cf OUT FILE', 'disk.qcow2', 'disk.tar')
    await pack(folder.path, PACKERS[ending] as string, 'disk.tar', `disk.tar.${ending}`)
    const { inspection, disk } = await lookInto(at(`disk.tar.${ending}`))
    expect(inspection).toMatchObject({
      containerFormat: `tar.${ending}`,
      fileFormat: 'qcow2',
      refusals: [],
      warnings: [],
    })
    expect(disk?.equals(readFileSync(at('disk.qcow2')))).toBe(true)
    await pack(folder.path, 'tar -cf OUT FILE disk.raw', 'disk.qcow2', 'two.tar')
    await pack(folder.path, PACKERS[ending] as string, 'two.tar', `two.tar.${ending}`)
    expect((await lookInto(at(`two.tar.${ending}`))).why).toMatch(/^holds more than one file/)
  })
})

describe('bombs', () => {
  test.each([
    ['zst', 'head -c 64M /dev/zero | zstd -q > OUT'],
    ['xz', 'head -c 16M /dev/zero | xz -0 > OUT'],
    ['bz2', 'head -c 8M /dev/zero | bzip2 > OUT'],
    ['zip', 'head -c 8M /dev/zero | zip -q > OUT'],
  ])('stop at the limit: .%s', async (ending, command) => {
    await pack(folder.path, command, '', `bomb.${ending}`)
    const { why } = await lookInto(at(`bomb.${ending}`), { maxSize: 1024 * 1024 })
    expect(why).toBe('unpacks to more than 1048576 bytes')
  })

  test.runIf(IS_THOROUGH)('stop at what a disk image can have by its header', async () => {
    // An image of 1 MiB may have 4 GiB, for the memory of a machine.
    await pack(folder.path, '(cat FILE; head -c 5G /dev/zero) | zstd -q > OUT', 'disk.qcow2', 'image.zst')
    expect((await lookInto(at('image.zst'))).why).toMatch(/^is damaged: it unpacks to more than \d+ bytes, the limit/)
  })

  test.each([
    ['zst', 'cat FILE | zstd -q -c --ultra --long=31 -1 > OUT'],
    ['xz', 'xz -c --lzma2=preset=0,dict=1536MiB FILE > OUT'],
  ])('may not use much memory: .%s', async (ending, command) => {
    await pack(folder.path, command, 'disk.raw', `window.${ending}`)
    expect((await lookInto(at(`window.${ending}`))).inspection.refusals).toEqual([
      {
        why: 'is refused: unpacking it needs more than 768 MiB of memory',
        hint: 'If you trust the file, unpack it, and convert the disk image inside',
      },
    ])
  })
})

test.each(PROGRAMS)('streams one after the other are one file: .%s', async (ending) => {
  const half = DISK.length / 2
  writeFileSync(at('first'), DISK.subarray(0, half))
  writeFileSync(at('second'), DISK.subarray(half))
  for (const name of ['first', 'second']) await pack(folder.path, PACKERS[ending] as string, name, `${name}.${ending}`)
  const bytes = ['first', 'second'].map((name) => readFileSync(at(`${name}.${ending}`)))
  expect((await lookIntoBytes(Buffer.concat(bytes), ending)).disk?.equals(DISK)).toBe(true)
})

test('zstd skips frames of its own that hold no data', async () => {
  const skipped = Buffer.from('\x50\x2a\x4d\x18\x04\0\0\0skip', 'latin1')
  const bytes = Buffer.concat([skipped, readFileSync(at('disk.raw.zst')), skipped])
  expect((await lookIntoBytes(bytes, 'zst')).disk?.equals(DISK)).toBe(true)
})

test('options in the environment are ignored', async () => {
  Object.assign(process.env, { XZ_OPT: '--memlimit-decompress=1MiB', BZIP2: '-t', ZSTD_CLEVEL: '1' })
  try {
    for (const ending of PROGRAMS) expect((await lookInto(at(`disk.raw.${ending}`))).why).toBeUndefined()
  } finally {
    for (const name of ['XZ_OPT', 'BZIP2', 'ZSTD_CLEVEL']) delete process.env[name]
  }
})
