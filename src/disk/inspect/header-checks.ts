import { FETCH_AGAIN, truncated } from '../file/source.ts'
import { largest } from '../formats/shared.ts'
import { endingOf, FILE_FORMATS } from './file-formats.ts'
import { DEFAULT_MAX_SIZE, type Expectation, FILE, type Inspection } from './inspection.ts'
import { type Identity, titleOf } from './recognise.ts'
import type { Refusal } from './refusal.ts'

/*
 * What a file's own headers say, against the rules of validation.md: each check
 * returns what it refuses, and adds its warnings to the inspection.
 */

/** Bytes below which nothing can be a disk image. */
const SECTOR = 512
const INSIST = 'If it is a raw disk all the same, say so: --file-format raw'

/** Writes down what a file claims to be. */
export function describe(inspection: Inspection, identity: Identity, expected: Expectation): void {
  const { contents, foreign } = identity
  const image = imageIn(identity, expected)
  inspection.fileFormat = image?.inspector.name ?? 'raw'
  inspection.version = image?.finding.version
  inspection.features = image?.finding.features ?? []
  inspection.contents = contents.map(({ inspector }) => inspector.name)
  inspection.arch = [...contents, ...(foreign ? [foreign] : [])].find(({ finding }) => finding.arch)?.finding.arch
  const size = image ? image.finding.virtualSize : inspection.size
  // A size that a double cannot hold appears in a message only.
  inspection.virtualSize = typeof size === 'bigint' ? undefined : size
}

/** The image that a file is registered as: a fixed VHD only where that is asked for, else it is a raw disk. */
function imageIn({ image }: Identity, { format, prefersVhd }: Expectation) {
  const isWanted = format === undefined ? prefersVhd === true : format === image?.inspector.name
  return image?.finding.isRawToo && !isWanted ? undefined : image
}

/** Refuses what is no disk image; the operator may insist on a raw disk. */
export function checkKind(inspection: Inspection, identity: Identity, { format }: Expectation): Refusal[] {
  const { packed, foreign, refusals } = identity
  if (refusals.length > 0) return refusals
  const stranger = packed ?? foreign
  if (stranger === undefined) return []
  if (packed === undefined && format === 'raw') {
    inspection.warnings.push(`looks like ${titleOf(stranger)}, and is taken for a raw disk as declared`)
    return []
  }
  inspection.fileFormat = undefined
  inspection.virtualSize = undefined
  const own = stranger.finding.refusals ?? []
  if (own.length > 0) return own
  const why = `is ${titleOf(stranger)}, not a disk image`
  // Here the way in is packed once more.
  return [packed ? { why, hint: 'Unpack it as well: the agents unpack once' } : { why, hint: INSIST }]
}

/** Refuses what an image says of itself, and a format that isn't the declared one or can't be used. */
export function checkSigns(inspection: Inspection, identity: Identity, expected: Expectation): Refusal[] {
  const finding = identity.image?.finding ?? {}
  const format = inspection.fileFormat as string
  const refusals = [
    ...(finding.references ?? []).map((reference) => refersTo(reference, format)),
    ...(finding.isEncrypted ? [ENCRYPTED] : []),
    ...(finding.refusals ?? []),
  ]
  if (refusals.length > 0) return refusals
  if (!FILE_FORMATS.some((each) => each === format))
    return [{ why: `is in the format ${format}, which instances cannot use` }]
  if (expected.format !== undefined && expected.format !== format)
    return [{ why: `is ${format}, not ${expected.format} as declared` }]
  if (identity.image && format === 'raw')
    inspection.warnings.push('is a fixed VHD image: a raw disk and a footer. --file-format vpc registers it as VHD')
  inspection.warnings.push(...(finding.warnings ?? []))
  return []
}

/**
 * Warns of a name that speaks of another format; and refuses what is called an
 * image, and is one of nothing.
 *
 * @param found the format, and what the file is as well, as a fixed VHD is raw too.
 */
export function checkEnding(
  inspection: Inspection,
  path: string,
  [found, ...others]: readonly [string, ...string[]],
  declared: string | undefined,
): Refusal[] {
  const named = endingOf(path)
  if (named === undefined || [found, ...others].some((format) => named.formats.includes(format))) return []
  if (found === 'raw' && declared !== 'raw')
    return [{ why: `is called .${named.ending}, and is not one: its download may have failed`, hint: INSIST }]
  inspection.warnings.push(`is called .${named.ending}, and is ${found}`)
  return []
}

/** Refuses disks that are no disks, or larger than allowed. */
export function checkSize(inspection: Inspection, identity: Identity, expected: Expectation): Refusal[] {
  const { maxSize = DEFAULT_MAX_SIZE } = expected
  if (inspection.size < SECTOR) return [{ why: `is too short for a disk image: ${inspection.size} bytes` }]
  const size = inspection.virtualSize ?? imageIn(identity, expected)?.finding.virtualSize ?? 0
  if (size === 0) return [{ why: 'holds a disk of 0 bytes' }]
  // Larger sizes are reported exactly, but nothing can calculate with them.
  const limit = Math.min(maxSize, Number.MAX_SAFE_INTEGER)
  if (size <= limit) return []
  return [
    {
      why: `holds a disk of ${size} bytes, more than ${limit}`,
      ...(limit === maxSize && { hint: 'Allow more with --max-size' }),
    },
  ]
}

/** Refuses what is shorter than its headers say, and warns of a raw disk that may not boot. */
export function checkContents(inspection: Inspection, { image, contents }: Identity): Refusal[] {
  const { size, fileFormat, warnings } = inspection
  const claims = fileFormat === 'raw' ? contents : image ? [image] : []
  const needed = largest(...claims.map(({ finding }) => finding.end ?? 0))
  if (needed > size) {
    const isPartitions = claims.some(({ finding }) => finding.endsWithPartitions && finding.end === needed)
    return [isPartitions ? endsBehind(needed, size) : { why: truncated(needed, size), hint: FETCH_AGAIN }]
  }
  const refusals = contents.flatMap(({ finding }) => finding.refusals ?? [])
  if (fileFormat !== 'raw') return image?.finding.isRawToo ? refusals : []
  warnings.push(...contents.flatMap(({ finding }) => finding.warnings ?? []))
  if (size % SECTOR !== 0) warnings.push(`has ${size} bytes, which are not whole sectors of ${SECTOR}`)
  if (contents.length === 0) warnings.push('holds no partition table and no filesystem that is known: it may not boot')
  return refusals
}

/** The refusal of a disk whose partitions need more bytes than the file has. */
function endsBehind(needed: number | bigint, size: number): Refusal {
  return {
    why: `has partitions that end beyond the file: they need ${BigInt(needed)} bytes, and it has ${size}`,
    hint: `If the file is as its maker published it, fetching it again changes nothing: make room with: truncate -s ${needed} ${FILE}`,
  }
}

/** The refusal of an image that is encrypted. */
export const ENCRYPTED: Refusal = {
  why: 'is encrypted: no instance could boot it',
  hint: 'Decrypt it, and make the image again',
}

/** The refusal of an image that names something outside itself. */
export function refersTo(reference: string, format: string): Refusal {
  return {
    why: `refers to ${reference}, and an image must be whole in itself`,
    hint: `Make one file of it: qemu-img convert -f ${format} -O qcow2 ${FILE} OUT.qcow2`,
  }
}
