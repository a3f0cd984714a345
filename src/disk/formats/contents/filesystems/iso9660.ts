import { readWhole, type Source } from '../../../file/source.ts'
import type { Inspector } from '../../../inspect/inspector.ts'
import { isPowerOfTwo } from '../../shared.ts'

/*
 * ECMA-119, "Volume Descriptors":
 * https://ecma-international.org/publications-and-standards/standards/ecma-119/
 * Numbers are stored twice; the little-endian one comes first.
 */

const SECTOR = 2048
const FIRST_DESCRIPTOR = 16 * SECTOR
/** Descriptors that are searched for the primary one, which should be the first. */
const DESCRIPTOR_LIMIT = 16
const IDENTIFIER = 'CD001'
const PRIMARY = 1
const TERMINATOR = 255
const TYPES = [0, PRIMARY, 2, 3, TERMINATOR]
/** Versions of descriptors; 2 is for enhanced ones. */
const VERSIONS = [1, 2]

const AT = FIRST_DESCRIPTOR + 1

/** Recognises a raw disk with an ISO 9660 volume, such as a CD image. */
export const iso9660: Inspector = {
  name: 'iso9660',
  kind: 'contents',
  title: 'an ISO 9660 image',
  async inspect(source) {
    const volume = await findVolume(source)
    if (volume === undefined) return undefined
    if ('end' in volume) return { at: AT, end: volume.end }
    return { at: AT, refusals: [{ why: `is damaged: it has ${volume.damage}` }] }
  },
}

/**
 * Returns the offset after the ISO 9660 volume, or 0 if there is none. Partition tables of
 * hybrid images cover the volume, and may round its size up beyond the file.
 */
export async function endOfIso9660(source: Source): Promise<number> {
  const volume = await findVolume(source)
  return volume !== undefined && 'end' in volume ? volume.end : 0
}

async function findVolume(source: Source): Promise<{ end: number } | { damage: string } | undefined> {
  if (!isDescriptor(await source.read(FIRST_DESCRIPTOR, 7))) return undefined
  for (let number = 0; number < DESCRIPTOR_LIMIT; number++) {
    const descriptor = await readWhole(source, FIRST_DESCRIPTOR + number * SECTOR, SECTOR)
    if (!isDescriptor(descriptor) || descriptor[0] === TERMINATOR) break
    if (descriptor[0] !== PRIMARY) continue
    const block = descriptor.readUInt16LE(128)
    if (!isPowerOfTwo(block, 512, SECTOR)) return { damage: `blocks of ${block} bytes` }
    return { end: descriptor.readUInt32LE(80) * block }
  }
  return { damage: 'no primary volume descriptor' }
}

function isDescriptor(bytes: Buffer): boolean {
  const hasKnownType = TYPES.includes(bytes[0] ?? -1)
  return hasKnownType && bytes.toString('latin1', 1, 6) === IDENTIFIER && VERSIONS.includes(bytes[6] ?? 0)
}
