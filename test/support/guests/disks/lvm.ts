import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { makeZeros } from './filesystems.ts'
import { writeAt } from './partitions.ts'

const MIB = 2 ** 20
const SECTOR = 512
/** Bytes of an extent: LVM's default. */
const EXTENT = 4 * MIB
/** Where the text with the metadata is, as pvcreate(8) places it, and where the extents start. */
const [METADATA, DATA] = [4096, MIB]
const MAGIC = Buffer.from(' LVM2 x[5A%r0N*>', 'latin1')

/**
 * Makes a physical volume of LVM with one logical volume, because LVM's own programs need device-mapper and
 * root. The format is in LVM2's lib/format_text/layout.h and lib/label/label.h.
 *
 * @param volume a file with the bytes of the logical volume, a multiple of 4 MiB.
 */
export function makePhysicalVolume(path: string, volume: string, group: string, name: string): void {
  const { size } = statSync(volume)
  const extents = size / EXTENT
  if (!Number.isInteger(extents)) throw new Error(`${size} bytes are not a multiple of an extent`)
  makeZeros(path, (DATA + size) / MIB)
  const text = Buffer.from(`${metadataOf({ group, name, extents, sectors: (DATA + size) / SECTOR })}\0`)
  writeAt(path, SECTOR, label(DATA + size))
  writeAt(path, METADATA, metadataHeader(text))
  writeAt(path, METADATA + SECTOR, text)
  execFileSync('dd', [
    `if=${volume}`,
    `of=${path}`,
    'bs=1M',
    `seek=${DATA / MIB}`,
    'conv=notrunc,sparse',
    'status=none',
  ])
}

/** An ID of LVM: 32 characters. In text, hyphens divide it. */
const idOf = (letter: string) => letter.repeat(32)
const dashed = (id: string) => id.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7')
const [PV, VG, LV] = ['p', 'g', 'v'].map(idOf) as [string, string, string]

function label(bytes: number): Buffer {
  const sector = Buffer.alloc(SECTOR)
  sector.write('LABELONE')
  sector.writeBigUInt64LE(1n, 8)
  sector.writeUInt32LE(32, 20)
  sector.write('LVM2 001', 24)
  sector.write(PV, 32)
  // The size; the areas of data, ended by zeros; the areas of metadata, ended by zeros.
  const numbers = [bytes, DATA, 0, 0, 0, METADATA, DATA - METADATA, 0, 0]
  for (const [at, number] of numbers.entries()) sector.writeBigUInt64LE(BigInt(number), 64 + at * 8)
  sector.writeUInt32LE(checksum(sector.subarray(20)), 16)
  return sector
}

function metadataHeader(text: Buffer): Buffer {
  const header = Buffer.alloc(SECTOR)
  MAGIC.copy(header, 4)
  header.writeUInt32LE(1, 20)
  const numbers = [METADATA, DATA - METADATA, SECTOR, text.length]
  for (const [at, number] of numbers.entries()) header.writeBigUInt64LE(BigInt(number), 24 + at * 8)
  header.writeUInt32LE(checksum(text), 56)
  header.writeUInt32LE(checksum(header.subarray(4)), 0)
  return header
}

/** CRC-32 with LVM's initial value, and not inverted. */
function checksum(bytes: Buffer): number {
  return (crc32(bytes, ~0xf597a6cf >>> 0) ^ 0xffffffff) >>> 0
}

function metadataOf(of: { group: string; name: string; extents: number; sectors: number }): string {
  return `${of.group} {
id = "${dashed(VG)}"
seqno = 1
format = "lvm2"
status = ["RESIZEABLE", "READ", "WRITE"]
flags = []
extent_size = ${EXTENT / SECTOR}
max_lv = 0
max_pv = 0
metadata_copies = 0
physical_volumes { pv0 {
id = "${dashed(PV)}"
device = "/dev/sda1"
status = ["ALLOCATABLE"]
flags = []
dev_size = ${of.sectors}
pe_start = ${DATA / SECTOR}
pe_count = ${of.extents}
} }
logical_volumes { ${of.name} {
id = "${dashed(LV)}"
status = ["READ", "WRITE", "VISIBLE"]
flags = []
segment_count = 1
segment1 {
start_extent = 0
extent_count = ${of.extents}
type = "striped"
stripe_count = 1
stripes = ["pv0", 0]
} } } }
contents = "Text Format Volume Group"
version = 1
description = ""
creation_host = "builder"
creation_time = 1
`
}
