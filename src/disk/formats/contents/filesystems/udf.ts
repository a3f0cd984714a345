import type { Source } from '../../../file/source.ts'
import type { Inspector } from '../../../inspect/inspector.ts'

/*
 * ECMA-167, "Volume recognition" and "Volume descriptor tags":
 * https://ecma-international.org/publications-and-standards/standards/ecma-167/
 * Numbers are little-endian.
 */

const RECOGNITION = 32 * 1024
/** Bytes between the structures of the recognition sequence: a sector, at least 2048. */
const STRIDES = [2048, 4096]
/** Structures of the sequence that are read; ISO 9660 structures may come first. */
const SEQUENCE_LIMIT = 16
/** Sector of the anchor. Sectors of hard disks have 512 bytes, those of optical discs 2048. */
const ANCHOR = 256
const SECTORS = [2048, 512, 4096, 1024]
/** Volume descriptors that are searched for partitions. */
const DESCRIPTOR_LIMIT = 32

const TAG = { anchor: 2, partition: 5, terminating: 8 }

/** Recognises a raw disk with a UDF filesystem, such as a DVD image. */
export const udf: Inspector = {
  name: 'udf',
  kind: 'contents',
  title: 'a UDF image',
  async inspect(source) {
    const at = await findRecognition(source)
    if (at === undefined) return undefined
    for (const sector of SECTORS) {
      const anchor = await source.read(ANCHOR * sector, 512)
      if (!isDescriptor(anchor, TAG.anchor, ANCHOR)) continue
      const end = await endOfPartitions(source, sector, anchor.readUInt32LE(20))
      return end === undefined ? { at } : { at, end }
    }
    return { at }
  },
}

/** Returns the offset of NSR in the recognition sequence, which is shared with ISO 9660. */
async function findRecognition(source: Source): Promise<number | undefined> {
  for (const stride of STRIDES) {
    for (let number = 0; number < SEQUENCE_LIMIT; number++) {
      const at = RECOGNITION + number * stride
      const structure = await source.read(at, 7)
      const identifier = structure.toString('latin1', 1, 6)
      if (structure[6] === 1 && (identifier === 'NSR02' || identifier === 'NSR03')) return at + 1
      if (!['CD001', 'BEA01', 'BOOT2'].includes(identifier)) break
    }
  }
  return undefined
}

/** Returns the offset after the last partition, by the main sequence of descriptors. */
async function endOfPartitions(source: Source, sector: number, first: number): Promise<number | undefined> {
  let end: number | undefined
  for (let number = 0; number < DESCRIPTOR_LIMIT; number++) {
    const descriptor = await source.read((first + number) * sector, 512)
    if (isDescriptor(descriptor, TAG.terminating, first + number)) break
    if (!isDescriptor(descriptor, TAG.partition, first + number)) continue
    end = Math.max(end ?? 0, (descriptor.readUInt32LE(188) + descriptor.readUInt32LE(192)) * sector)
  }
  return end
}

/** Returns whether bytes are a descriptor: its tag contains a checksum of itself, and its sector. */
function isDescriptor(bytes: Buffer, tag: number, location: number): boolean {
  if (bytes.length < 512 || bytes.readUInt16LE(0) !== tag || bytes.readUInt32LE(12) !== location) return false
  const sum = bytes.subarray(0, 16).reduce((total, byte, at) => (at === 4 ? total : total + byte), 0)
  return (sum & 0xff) === bytes[4]
}
