import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import {
  type Grain,
  grainsOf,
  makeFull,
  makePatched,
  makeVmdk,
  type Patch,
  patch,
  qcow2Extension,
  sealVhdx,
  sealVpc,
  u16be,
  u32be,
  u32le,
  u64be,
  u64le,
} from '../../../support/files/image-bytes.ts'
import { makeImage, newFolder } from '../../../support/files/images.ts'
import { vdcManage } from '../../../support/process/cli.ts'
import { expectRefused } from '../../../support/refusals.ts'

/* validation.md, "Details that public reports taught": images of qemu-img, changed byte by byte. */

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
afterAll(() => folder.remove())

const KIB = 1024
const FETCH = 'Download or copy the file again'

interface Refused {
  make: (path: string) => unknown
  says: string | RegExp
  hint: string
}

/** Creates a streamOptimized VMDK and changes it. */
const stream = (change: (grains: Grain[]) => Patch[]) => async (path: string) => {
  await makeFull(path, 'vmdk', ['-o', 'subformat=streamOptimized'])
  patch(path, ...change(grainsOf(path)))
}
const grain = (grains: Grain[], number: number) => grains.at(number) as Grain

const GRAINS: Record<string, Refused> = {
  'over-descriptor.vmdk': {
    make: stream((grains) => [[grain(grains, 3).entryAt, u32le(1)]]),
    says: 'is damaged: its grain at 512 overlaps its descriptor',
    hint: FETCH,
  },
  'over-table.vmdk': {
    make: stream((grains) => [[grain(grains, 0).entryAt, u32le(Math.floor(grain(grains, 0).entryAt / 512))]]),
    says: /is damaged: its grain at \d+ overlaps its grain table/,
    hint: FETCH,
  },
  'behind-the-end.vmdk': {
    make: stream((grains) => [[grain(grains, 5).entryAt, u32le(0xffffffff)]]),
    says: /is damaged or truncated: it needs 2199023255052 bytes and has \d+/,
    hint: FETCH,
  },
  'one-grain-twice.vmdk': {
    make: stream((grains) => [[grain(grains, 5).entryAt, u32le(grain(grains, 4).at / 512)]]),
    says: /is damaged: its grains? at /,
    hint: FETCH,
  },
  'over-the-next.vmdk': {
    make: stream((grains) => [[grain(grains, 7).at + 8, u32le(grain(grains, 7).length + 1024)]]),
    says: /is damaged: its grains at \d+ and at \d+ overlap\b/,
    hint: FETCH,
  },
  'last-too-long.vmdk': {
    make: stream((grains) => [[grain(grains, -1).at + 8, u32le(100_000)]]),
    says: 'is damaged or truncated: it needs',
    hint: FETCH,
  },
  'length-of-none.vmdk': {
    make: stream((grains) => [[grain(grains, 2).at + 8, u32le(0)]]),
    says: 'is marked as 0 bytes long',
    hint: FETCH,
  },
  'length-of-gigabytes.vmdk': {
    make: stream((grains) => [[grain(grains, 2).at + 8, u32le(0xf0000000)]]),
    says: 'is damaged',
    hint: FETCH,
  },
  'of-another-place.vmdk': {
    make: stream((grains) => [[grain(grains, 9).at, u64le(2n ** 64n - 1n)]]),
    says: /its grain at \d+ is marked as sector 18446744073709551615 of the disk, but its table has it at 1152/,
    hint: FETCH,
  },
}

/** Creates a dynamic VHD and changes its footer, but not the copy at its start. */
const footers =
  (...patches: Patch[]) =>
  async (path: string) => {
    await makeImage(path, { format: 'vpc', size: '16M' })
    const end = readFileSync(path).length - 512
    patch(path, ...patches.map(([place, bytes]): Patch => [end + place, bytes]))
    return sealVpc(path, end, 512, 64)
  }

const VHD: Record<string, Refused> = {
  'two-sizes.vhd': {
    make: footers([48, u64be(2 ** 30)]),
    says: 'is damaged: the footer at its end and the copy at its start differ in the size',
    hint: FETCH,
  },
  'two-disks.vhd': {
    make: footers([56, u16be(7)], [68, 'another disk']),
    says: 'differ in the geometry, the ID',
    hint: FETCH,
  },
  'two-types.vhd': { make: footers([60, u32be(2)]), says: 'differ in the type', hint: FETCH },
  'footer-sum.vhd': {
    make: async (path) => {
      await footers()(path)
      patch(path, [readFileSync(path).length - 512 + 100, 'changed'])
    },
    says: 'is damaged: the checksum of the footer at its end is wrong',
    hint: FETCH,
  },
  'header-sum.vhd': {
    make: (path) => makePatched(path, 'vpc', [[512 + 800, 'x']]),
    says: 'is damaged: the checksum of its dynamic disk header is wrong',
    hint: FETCH,
  },
}

const [HEADER_1, HEADER_2, REGIONS_1, REGIONS_2] = [64 * KIB, 128 * KIB, 192 * KIB, 256 * KIB]
const vhdx =
  (...patches: Patch[]) =>
  (path: string) =>
    makePatched(path, 'vhdx', patches)

const VHDX: Record<string, Refused> = {
  'no-header.vhdx': {
    make: vhdx([HEADER_1 + 100, 'x'], [HEADER_2 + 100, 'x']),
    says: 'is damaged: neither of its two headers is valid',
    hint: FETCH,
  },
  'two-headers.vhdx': {
    make: async (path) => {
      await vhdx([HEADER_1 + 8, u64le(9)], [HEADER_2 + 8, u64le(9)], [HEADER_2 + 16, 'another'])(path)
      for (const header of [HEADER_1, HEADER_2]) sealVhdx(path, header, 4 * KIB)
    },
    says: 'is damaged: its two headers have the same sequence number and differ',
    hint: FETCH,
  },
  'dirty.vhdx': {
    make: async (path) => {
      await vhdx([HEADER_1 + 8, u64le(2n ** 63n)], [HEADER_1 + 48, 'a log'])(path)
      sealVhdx(path, HEADER_1, 4 * KIB)
    },
    says: 'was not closed cleanly: its log must be replayed first',
    hint: 'qemu-img check -r all',
  },
  'regions-sum.vhdx': {
    make: vhdx([REGIONS_1 + 3000, 'x']),
    says: 'is damaged: the checksum of its first region table is wrong',
    hint: FETCH,
  },
  'two-regions.vhdx': {
    make: async (path) => sealVhdx(await vhdx([REGIONS_2 + 3000, 'x'])(path), REGIONS_2, 64 * KIB),
    says: 'is damaged: its two region tables contradict each other',
    hint: FETCH,
  },
}

const [BACKING_FORMAT, BITMAPS] = [0xe2792aca, 0x23852875]
const EXTENSIONS = 112
const SHARED = 'If you trust its source, make a clean copy: qemu-img convert -f qcow2'

const QCOW2: Record<string, Refused> = {
  'one-second-table.qcow2': {
    make: (path) => writeSharing(path, 65536),
    says: 'is damaged: it refers to the second-level table at 720896 more than once',
    hint: SHARED,
  },
  'one-block-of-counts.qcow2': {
    make: (path) => makePatched(path, 'qcow2', [[65536 + 8, u64be(131072)]]),
    says: 'is damaged: it refers to the refcount block at 131072 more than once',
    hint: SHARED,
  },
  'snapshots-of-one-table.qcow2': {
    make: async (path) => {
      await execa('qemu-img', ['create', '-q', '-f', 'qcow2', path, '16M'])
      for (const name of ['one', 'two']) await execa('qemu-img', ['snapshot', '-c', name, path])
      const bytes = readFileSync(path)
      const [first, second] = snapshotsAt(bytes)
      patch(path, [second, bytes.subarray(first, first + 8)])
    },
    says: /is damaged: it refers to the first-level table at \d+ more than once/,
    hint: SHARED,
  },
  'two-formats.qcow2': {
    make: (path) =>
      makePatched(path, 'qcow2', [
        [EXTENSIONS, Buffer.concat([qcow2Extension(BACKING_FORMAT, ''), qcow2Extension(BACKING_FORMAT, '')])],
      ]),
    says: 'refers to a backing file (it has two backing formats)',
    hint: 'Convert it to a single file: qemu-img convert -f qcow2',
  },
  'two-bitmaps.qcow2': {
    make: (path) => {
      const extension = qcow2Extension(BITMAPS, '\0'.repeat(24))
      return makePatched(path, 'qcow2', [[EXTENSIONS, Buffer.concat([extension, extension])]])
    },
    says: 'is damaged: it has two header extensions of type 0x23852875',
    hint: 'Make a clean copy',
  },
  'half-encrypted.qcow2': {
    make: (path) => makePatched(path, 'qcow2', [[EXTENSIONS, qcow2Extension(0x0537be77, '\0'.repeat(16))]]),
    says: 'is encrypted: instances cannot boot it',
    hint: 'Decrypt the disk',
  },
  'exactly.qcow2': {
    make: (path) => makePatched(path, 'qcow2', [[24, u64be(2n ** 64n - 511n)]]),
    says: 'has a virtual size of 18446744073709551105 bytes, over the limit of 70368744177664',
    hint: 'Allow more with --max-size',
  },
  'exactly-behind.qcow2': {
    make: (path) => makePatched(path, 'qcow2', [[40, u64be(2n ** 63n + 65536n)]]),
    says: 'is damaged or truncated: it needs 9223372036854841352 bytes and has',
    hint: FETCH,
  },
}

/** Writes a qcow2 image whose first-level entries all refer to one second-level table, with matching refcounts. */
function writeSharing(path: string, entries: number): void {
  const cluster = 64 * KIB
  const second = 3 + (entries * 8) / cluster
  const bytes = Buffer.alloc((second + 2) * cluster)
  const header = [
    ...[Buffer.from('QFI\xfb', 'latin1'), u32be(3), u64be(0), u32be(0), u32be(16), u64be(2 ** 40), u32be(0)],
    ...[u32be(entries), u64be(3 * cluster), u64be(cluster), u32be(1), u32be(0), u64be(0)],
    ...[u64be(0), u64be(0), u64be(0), u32be(6), u32be(104)],
  ]
  Buffer.concat(header).copy(bytes)
  bytes.writeBigUInt64BE(BigInt(2 * cluster), cluster)
  for (let number = 0; number < second + 2; number++) {
    const count = number === second ? entries : number > second ? entries * 8192 : 1
    bytes.writeBigUInt64BE(BigInt(count), 2 * cluster + number * 8)
  }
  bytes.fill(u64be(second * cluster), 3 * cluster, 3 * cluster + entries * 8)
  bytes.fill(u64be((second + 1) * cluster), second * cluster, (second + 1) * cluster)
  writeFileSync(path, bytes)
}

/** Returns the offsets of the first two snapshots in the snapshot table of a qcow2 image. */
function snapshotsAt(bytes: Buffer): [number, number] {
  const first = Number(bytes.readBigUInt64BE(64))
  const length = 40 + bytes.readUInt32BE(first + 36) + bytes.readUInt16BE(first + 12) + bytes.readUInt16BE(first + 14)
  return [first, first + Math.ceil(length / 8) * 8]
}

const REFUSED = { ...GRAINS, ...VHD, ...VHDX, ...QCOW2 }

/** Creates a VMDK with one extent under another name. */
const named = (name: string, encoding: string) => (path: string) =>
  makeVmdk(path, (text) =>
    text.replace(/SPARSE ".*"/, `SPARSE "${name}"`).replace('CID=', () => `encoding="${encoding}"\nCID=`),
  )
const text = (change: (text: string) => string) => (path: string) => makeVmdk(path, change)

const ACCEPTED: Record<string, { make: (path: string) => unknown; warning?: string }> = {
  'shift-jis.vmdk': { make: named('\x83\x5c\x83\x74\x83\x67\x83\x5c.vmdk', 'Shift_JIS') },
  'windows-932.vmdk': { make: named('\x95\x5c\x8e\xa6.vmdk', 'windows-932') },
  'big5.vmdk': { make: named('\xa5\x5c\xaf\xe0.vmdk', 'Big5') },
  'gbk.vmdk': { make: named('\x81\x5c\xd2\x5c.vmdk', 'GBK') },
  'slash-of-a-letter.vmdk': { make: named('\x81\x2f.vmdk', 'GBK') },
  'windows-1252.vmdk': { make: named('K\xe4se.vmdk', 'windows-1252') },
  'no-encoding.vmdk': { make: named('K\xe4se.vmdk', 'klingon') },
  'read-only.vmdk': { make: text((all) => all.replace('\nRW ', '\nRDONLY ')) },
  'no-parent.vmdk': { make: text((all) => all.replace('createType', 'parentFileNameHint=""\ncreateType')) },
  'crlf.vmdk': { make: text((all) => all.replaceAll('\n', '\r\n')) },
  'cr-cr-lf.vmdk': { make: text((all) => all.replaceAll('\n', '\r\r\n')) },
  'mark.vmdk': { make: text((all) => `\xef\xbb\xbf${all}`) },
  'twice.vmdk': { make: text((all) => `${all}\0\0${all}`) },
  'changed-later.vhd': {
    // Timestamp, creator and saved state, as a program changes that only knows the footer.
    make: footers([24, u32be(1234)], [28, 'vbox'], [84, Buffer.of(1)]),
  },
  'torn.vhdx': {
    make: vhdx([HEADER_1 + 8, u64le(2n ** 63n)], [HEADER_1 + 48, 'a log']),
    warning: 'has a damaged header: its other header is valid and is used',
  },
  'second-regions.vhdx': {
    make: vhdx([REGIONS_2 + 3000, 'x']),
    warning: 'has a damaged second region table: the first one is valid and is used',
  },
}

describe('details that public reports taught', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase('sqlite')
    for (const [name, { make }] of Object.entries({ ...REFUSED, ...ACCEPTED })) await make(at(name))
  })
  afterAll(() => database.remove())
  const add = (name: string) => ['image', 'add', 'local', at(name), '--account-id', 'a-shpoolxx']

  test.each(Object.entries(REFUSED))('%s is refused', (name, { says, hint }) =>
    expectRefused(database, add(name), { exit: 3, message: says, hint }),
  )

  test.each(Object.entries(ACCEPTED))('%s is accepted, and QEMU can read it', async (name, { warning }) => {
    const run = await vdcManage(add(name), { database })
    expect(run).toMatchObject({ code: 0, stderr: warning === undefined ? '' : expect.stringContaining(warning) })
    const [format] = /vmdk$|vhdx$|vhd$/.exec(name) as RegExpExecArray
    const qemuFormat = format === 'vhd' ? 'vpc' : format
    await execa('qemu-img', ['convert', '-f', qemuFormat, '-O', 'raw', at(name), at('read.raw')])
  })
})

test('a refusal is reported once, even if several steps find it', async () => {
  const database = await newDatabase('sqlite')
  const line = 'RW 4 FLAT "the-same" 0\n'
  writeFileSync(at('twice-the-same.vmdk'), `# Disk DescriptorFile\nversion=1\n${line}${line}${line}`)
  copyFileSync(at('twice-the-same.vmdk'), at('again.vmdk'))
  const args = ['image', 'inspect', '--no-checksum', '--json', at('twice-the-same.vmdk'), at('again.vmdk')]
  const answers: { refusals: object[] }[] = JSON.parse((await vdcManage(args, { database })).stdout)
  expect(answers.map(({ refusals }) => refusals.length)).toEqual([1, 1])
  await database.remove()
})
