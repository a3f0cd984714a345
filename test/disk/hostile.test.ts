import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import { afterAll, describe, expect, test } from 'vitest'
import { crc32 } from '../../src/disk/formats/crc32.ts'
import { type Patch, u32be, u32le, u64be, u64le } from '../support/files/image-bytes.ts'
import { bootSector, newFolder, rawDisk } from '../support/files/images.ts'
import { inspectFile } from '../support/files/inspecting-files.ts'
import { inTime } from '../support/in-time.ts'
import { noise } from './formats/inspecting.ts'

/*
 * Files that are made, byte by byte, to cost time or memory, or to be read differently by QEMU or
 * tar. Each is refused soon and in little memory.
 */

const [TIME_LIMIT, MEMORY_LIMIT] = [60_000, 64 * 1024 * 1024]
const [KIB, MIB, GIB] = [1024, 1024 ** 2, 1024 ** 3]
const SECTOR = 512
const folder = newFolder()
afterAll(() => folder.remove())

let files = 0
function newPath(): string {
  return join(folder.path, `${++files}.img`)
}

/** Makes a sparse file that has only these bytes. */
function sparse(size: number, ...patches: Patch[]): string {
  const path = newPath()
  const file = openSync(path, 'w')
  ftruncateSync(file, size)
  for (const [at, bytes] of patches) writeSync(file, Buffer.from(bytes as string, 'latin1'), 0, null, at)
  closeSync(file)
  return path
}

function written(...parts: Buffer[]): string {
  const path = newPath()
  writeFileSync(path, Buffer.concat(parts))
  return path
}

async function inspectWithin(path: string) {
  const memory = process.memoryUsage.rss()
  const inspection = await inTime(TIME_LIMIT, path, () => inspectFile(path))
  expect(process.memoryUsage.rss() - memory, 'bytes').toBeLessThan(MEMORY_LIMIT)
  return inspection
}

async function expectRefused(path: string, why: RegExp): Promise<void> {
  expect((await inspectWithin(path)).refusals).toEqual([expect.objectContaining({ why: expect.stringMatching(why) })])
}

/** An ISO 9660 descriptor, at a place where an image may have data. */
const ISO: Patch = [32 * KIB, '\x01CD001\x01']

function vdi({ block = MIB, blocks = 1, size = MIB }: { block?: number; blocks?: number; size?: number }): Patch[] {
  const type = 1
  return [
    [0x40, Buffer.concat([u32le(0xbeda107f), u32le(0x10001), u32le(0x190), u32le(type)])],
    [0x154, Buffer.concat([u32le(0x10000), u32le(MIB)])],
    [0x168, u32le(SECTOR)],
    [0x170, Buffer.concat([u64le(size), u32le(block), u32le(0), u32le(blocks)])],
  ]
}

function qcow2({ first = 1, refcountClusters = 1 }: { first?: number; refcountClusters?: number }): Patch {
  return [
    0,
    Buffer.concat([
      ...[Buffer.from('QFI\xfb', 'latin1'), u32be(3), u64be(0), u32be(0), u32be(16), u64be(MIB), u32be(0)],
      ...[u32be(first), u64be(MIB), u64be(64 * KIB), u32be(refcountClusters), u32be(0), u64be(0)],
      ...[u64be(0), u64be(0), u64be(0), u32be(4), u32be(104)],
    ]),
  ]
}

/** Returns a qcow header with clusters of 512 bytes and tables of 64 entries. */
function qcow(entries: number): Patch {
  const size = entries * 64 * SECTOR
  return [
    0,
    Buffer.concat([
      ...[Buffer.from('QFI\xfb', 'latin1'), u32be(1), u64be(0), u32be(0), u32be(0), u64be(size)],
      ...[Buffer.of(9, 6, 0, 0), u32be(0), u64be(MIB)],
    ]),
  ]
}

function qed(cluster: number, tableClusters: number): Patch {
  return [
    0,
    Buffer.concat([
      ...[Buffer.from('QED\0'), u32le(cluster), u32le(tableClusters), u32le(1), u64le(0), u64le(0), u64le(0)],
      ...[u64le(MIB), u64le(MIB), u32le(0), u32le(0)],
    ]),
  ]
}

const DESCRIPTOR = `# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=ffffffff
createType="monolithicSparse"
RW 128 SPARSE "a.vmdk"
`
interface Vmdk {
  version?: number
  flags?: number
  sectors?: number
  grain?: number
  descriptorAt?: number
  entries?: number
  directoryAt?: number
  compression?: number
}

function vmdkHeader(of: Vmdk): Buffer {
  const { version = 1, flags = 1, sectors = 128, grain = 128, descriptorAt = 1, entries = 512, directoryAt = 60 } = of
  const header = Buffer.alloc(SECTOR)
  Buffer.concat([
    ...[Buffer.from('KDMV'), u32le(version), u32le(flags), u64le(sectors), u64le(grain), u64le(descriptorAt)],
    ...[u64le(20), u32le(entries), u64le(0), directoryAt < 0 ? Buffer.alloc(8, 0xff) : u64le(directoryAt), u64le(0)],
    ...[Buffer.from('\0\n \r\n'), Buffer.of(of.compression ?? 0, 0)],
  ]).copy(header)
  return header
}

function vmdk(of: Vmdk): Patch[] {
  return [
    [0, vmdkHeader(of)],
    [(of.descriptorAt ?? 1) * SECTOR, DESCRIPTOR.replace('128', String(of.sectors ?? 128))],
    [60 * SECTOR, u32le(61)],
  ]
}

/** Makes a VMDK whose footer replaces its header. */
function vmdkWithFooter(of: Vmdk): string {
  const marker = Buffer.concat([u64le(1), u32le(0), u32le(3)])
  return sparse(203 * SECTOR, ...vmdk({ directoryAt: -1 }), [200 * SECTOR, marker], [201 * SECTOR, vmdkHeader(of)])
}

/** Makes a VMDK with a directory of 32 Mi entries that all point to one table. */
function vmdkOfOneTable(): string {
  const directory = Buffer.alloc(8 * MIB, u32le(400_000))
  const at = Array.from({ length: 16 }, (_, each): Patch => [60 * SECTOR + each * directory.length, directory])
  return sparse(300 * MIB, ...vmdk({ sectors: 32 * MIB * SECTOR, grain: 1 }), ...at)
}

describe('files that are expensive to inspect', () => {
  test.each<[string, () => string, RegExp]>([
    [
      'a VDI with blocks of one byte that is also an ISO',
      () => sparse(20 * GIB, ...vdi({ block: 1, blocks: 0xffffffff }), ISO),
      /several formats/,
    ],
    [
      'a VDI with blocks of one byte',
      () => sparse(20 * GIB, ...vdi({ block: 1, blocks: 0xffffffff })),
      /only blocks of 1 MiB/,
    ],
    [
      'a VDI with a map of gigabytes',
      () => sparse(20 * GIB, ...vdi({ blocks: 0x10000000 })),
      /tables take more than|qemu-img/,
    ],
    [
      'a qcow2 with an L1 table of gigabytes that is also an ISO',
      () => sparse(40 * GIB, qcow2({ first: 0xffffffff }), ISO),
      /several/,
    ],
    [
      'a qcow2 with an L1 table of gigabytes',
      () => sparse(40 * GIB, qcow2({ first: 0xffffffff })),
      /tables of 34359738360/,
    ],
    [
      'a qcow2 with refcounts of gigabytes that is also an ISO',
      () => sparse(40 * GIB, qcow2({ refcountClusters: 0xffff }), ISO),
      /several/,
    ],
    [
      'a qcow2 with refcounts of gigabytes',
      () => sparse(40 * GIB, qcow2({ refcountClusters: 0xffff })),
      /tables of 8 and 4294901760/,
    ],
    [
      'a qcow with an L1 table of gigabytes that is also an ISO',
      () => sparse(20 * GIB, qcow(2_000_000_000), ISO),
      /several/,
    ],
    ['a qcow with an L1 table of 500 MiB', () => sparse(600 * MIB, qcow(65_536_000)), /table of 65536000 entries/],
    [
      'a QED with tables of gigabytes that is also an ISO',
      () => sparse(2 * GIB, qed(GIB, 2), [MIB, u64le(4096)], ISO),
      /several/,
    ],
    [
      'a QED with tables of gigabytes',
      () => sparse(2 * GIB, qed(GIB, 2), [MIB, u64le(4096)]),
      /clusters of 1073741824 bytes/,
    ],
    ['a VMDK with tables of one entry', () => sparse(200 * MIB, ...vmdk({ entries: 1 })), /tables of 1 entries/],
    [
      'a VMDK with a directory of gigabytes',
      () => sparse(20 * GIB, ...vmdk({ sectors: 2 ** 40, grain: 1 })),
      /directory/,
    ],
    [
      'a VMDK whose directory has one table many times',
      vmdkOfOneTable,
      /its grain table and its grain table overlap\b/,
    ],
  ])('refuses %s', async (_, make, why) => expectRefused(make(), why))
})

describe('files that QEMU may read differently', () => {
  test.each<[string, () => string, RegExp]>([
    [
      'a VMDK descriptor after a comment in the boot sector',
      () => {
        const text = Buffer.from(`#\x01\rx\nversion=1\ncreateType="monolithicFlat"\nRW 1 FLAT "/etc/passwd" 0\n`)
        const sector = bootSector()
        text.copy(sector)
        return written(sector, Buffer.alloc(MIB))
      },
      /several formats: a VMDK descriptor and/,
    ],
    [
      'a VMDK descriptor after a carriage return in a comment',
      () => written(Buffer.from('#\r\x01\nversion=1\nRW 1 FLAT "/etc/passwd" 0\n'), Buffer.alloc(MIB)),
      /refers to the FLAT extent \/etc\/passwd/,
    ],
    ['a VMDK extent of ESX', () => sparse(MIB, [0, 'COWD\x01\0\0\0']), /refers to a VMDK descriptor in another file/],
    ['a VMDK with its descriptor elsewhere', () => sparse(MIB, ...vmdk({ descriptorAt: 80 })), /its descriptor is at/],
    [
      'a VMDK with the flag for compression but no method',
      () => sparse(MIB, ...vmdk({ flags: 0x10001 })),
      /contradicts itself/,
    ],
    [
      'a VMDK with a compression method but no flag',
      () => sparse(MIB, ...vmdk({ compression: 1 })),
      /contradicts itself/,
    ],
    ['a VMDK whose footer contradicts itself', () => vmdkWithFooter({ compression: 1 }), /contradicts itself/],
    ['a VMDK whose footer has another version', () => vmdkWithFooter({ version: 9 }), /version 9/],
  ])('refuses %s', async (_, make, why) => expectRefused(make(), why))

  test('accepts a VMDK with a footer', async () => {
    expect((await inspectWithin(vmdkWithFooter({}))).refusals).toEqual([])
  })

  test('unpacks a whole image whose signature comes at the end of the first read', async () => {
    const [raw, image] = [newPath(), newPath()]
    writeFileSync(raw, noise(3 * MIB, 1))
    await execa('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, image])
    const bytes = readFileSync(image)
    // A wrong reference count, which only qemu-img finds.
    bytes.writeUInt16BE(0, Number(bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(48)))) + 20)
    // A comment fills the first MiB of the file, except for room for the start of the image.
    const header = gzipSync(Buffer.alloc(0)).subarray(0, 10)
    header[3] = 0x10
    const blocks: Buffer[] = []
    for (let at = 0; at < bytes.length; at += 0xffff) {
      const data = bytes.subarray(at, at + 0xffff)
      const length = Buffer.alloc(5)
      length[0] = at + data.length === bytes.length ? 1 : 0
      length.writeUInt16LE(data.length, 1)
      length.writeUInt16LE(0xffff - data.length, 3)
      blocks.push(length, data)
    }
    const sums = Buffer.concat([u32le(crc32(bytes)), u32le(bytes.length)])
    const comment = Buffer.alloc(MIB - header.length - 5 - 100, 'x')
    comment[comment.length - 1] = 0
    await expectRefused(written(header, comment, ...blocks, sums), /qemu-img check finds 2 errors/)
  })
})

/** Returns a tar member: its header and its body. */
function member(type: string, size: number, body: Buffer, patches: Patch[] = []): Buffer {
  const header = Buffer.alloc(SECTOR)
  header.write('disk.raw')
  header.write('0000644\0', 100)
  header.write(size.toString(8).padStart(11, '0'), 124)
  header.write(`        ${type}`, 148)
  header.write('ustar\u000000', 257)
  for (const [at, bytes] of patches) header.write(bytes.toString('latin1'), at, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([header, body, Buffer.alloc((SECTOR - (body.length % SECTOR)) % SECTOR)])
}

/** Returns a pax header. */
function pax(...records: string[]): Buffer {
  const lines = records.map((record) => {
    const rest = ` ${record}\n`
    const digits = String(rest.length + String(rest.length).length).length
    return `${rest.length + digits}${rest}`
  })
  const body = Buffer.from(lines.join(''))
  return member('x', body.length, body)
}

/** Returns a sparse member of version 1.0. */
function withMap(lines: Buffer | string, data: Buffer, size: number): Buffer[] {
  const text = Buffer.from(lines)
  const map = Buffer.concat([text, Buffer.alloc((SECTOR - (text.length % SECTOR)) % SECTOR)])
  const records = ['GNU.sparse.major=1', 'GNU.sparse.minor=0', `GNU.sparse.realsize=${size}`]
  return [pax(...records), member('0', map.length + data.length, Buffer.concat([map, data]))]
}

function packed(...parts: Buffer[]): string {
  return written(gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * SECTOR)])))
}

const DISK = rawDisk(4 * SECTOR)
const JUNK = Buffer.from('5 a=\n'.repeat(MIB / 5))
const TAR_REFUSED = /damaged or truncated tar archive|tar archive that programs unpack differently/

/** Returns an old GNU sparse header and a chain of blocks, with more data segments than we accept. */
function oldChain(): Buffer[] {
  const pair = (index: number) => [index * 1024, 512].map((each) => `${each.toString(8).padStart(11, '0')}\0`).join('')
  const pairs = (from: number, count: number) => Array.from({ length: count }, (_, each) => pair(from + each)).join('')
  const header = member('S', 0, Buffer.alloc(0), [
    [257, 'ustar  \0'],
    [386, pairs(0, 4)],
    [482, '\x01'],
    [483, '77777777777\0'],
  ])
  const blocks = Array.from({ length: Math.ceil(MIB / 21) }, (_, each) =>
    Buffer.from(`${pairs(4 + each * 21, 21)}\x01${'\0'.repeat(7)}`),
  )
  return [header, ...blocks]
}

describe('tar archives', () => {
  test.each<[string, () => string, RegExp]>([
    [
      'a data segment that starts within a block',
      () => packed(...withMap('1\n100\n512\n', DISK.subarray(0, 512), 2048)),
      TAR_REFUSED,
    ],
    [
      'a data segment that ends within a block, before another one',
      () => packed(...withMap('2\n0\n100\n512\n512\n', DISK.subarray(0, 612), 2048)),
      TAR_REFUSED,
    ],
    [
      'data segments of one byte',
      () => packed(...withMap(`400000\n${'0\n1\n'.repeat(400_000)}`, Buffer.alloc(400_000), MIB)),
      TAR_REFUSED,
    ],
    [
      'empty data segments',
      () => packed(...withMap(`4194304\n${'0\n0\n'.repeat(4 * MIB)}`, DISK, MIB)),
      /data segments/,
    ],
    ['an endless old GNU sparse header', () => packed(...oldChain()), /more than 1048576 data segments/],
    [
      'endless pax headers',
      () => packed(...Array.from({ length: 100 }, () => member('x', JUNK.length, JUNK)), member('0', 2048, DISK)),
      TAR_REFUSED,
    ],
    ['two pax headers', () => packed(pax('a=b'), pax('size=1024'), member('0', 2048, DISK)), TAR_REFUSED],
    [
      'an endless long name',
      () => packed(member('L', 70 * KIB, Buffer.alloc(70 * KIB)), member('0', 2048, DISK)),
      TAR_REFUSED,
    ],
    [
      'a size in a global pax header',
      () => packed(member('g', 12, Buffer.from('12 size=512\n')), member('0', 2048, DISK)),
      TAR_REFUSED,
    ],
    [
      'a sparse length before its offset',
      () =>
        packed(pax('GNU.sparse.size=2048', 'GNU.sparse.numbytes=2048', 'GNU.sparse.offset=0'), member('0', 2048, DISK)),
      TAR_REFUSED,
    ],
  ])('refuses %s', async (_, make, why) => expectRefused(make(), why))

  test.each([
    [
      'pax records before a long name',
      [pax('size=2048'), member('L', 9, Buffer.from('disk.raw\0')), member('0', 0, DISK)],
    ],
    ['a last data segment that ends within a block', withMap('2\n0\n512\n1024\n100\n', DISK.subarray(0, 612), 1124)],
    ['a hole that ends within a block', withMap('2\n0\n512\n1124\n0\n', DISK.subarray(0, 512), 1124)],
  ])('accepts %s', async (_, parts) => {
    expect(await inspectWithin(packed(...parts))).toMatchObject({
      refusals: [],
      containerFormat: 'tgz',
      fileFormat: 'raw',
    })
  })
})

test('accepts a GPT disk that was enlarged before it was packed', async () => {
  const path = newPath()
  const command = `truncate -s 64M ${path} && echo '1M,2M,L' | sfdisk -q -X gpt ${path} && truncate -s 100M ${path}`
  await execa(`${command} && gzip -1 ${path}`, { shell: true, env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } })
  expect(await inspectWithin(`${path}.gz`)).toMatchObject({
    refusals: [],
    warnings: [],
    contents: expect.arrayContaining(['gpt']),
  })
})

test.each([
  ['compressed', ['-c'], [512, 4096, 40_000, 65_000]],
  ['plain', [], [60_000]],
])('refuses a truncated %s qcow2', async (_, options, cuts) => {
  const [raw, image] = [newPath(), newPath()]
  writeFileSync(raw, noise(3_000_000, 5))
  await execa('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', ...options, raw, image])
  const bytes = readFileSync(image)
  for (const cut of cuts) await expectRefused(written(bytes.subarray(0, bytes.length - cut)), /damaged or truncated/)
})
