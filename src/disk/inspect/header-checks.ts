import { FETCH_AGAIN, truncated } from '../file/source.ts'
import { largest } from '../formats/shared.ts'
import { endingOf, FILE_FORMATS } from './file-formats.ts'
import { DEFAULT_MAX_SIZE, type Expectation, FILE, type Inspection } from './inspection.ts'
import { type Identity, titleOf } from './recognise.ts'
import type { Refusal } from './refusal.ts'

/*
 * Checks the headers of a file against the rules of validation.md. Each check returns
 * its refusals, and adds its warnings to the inspection.
 */

/** Bytes of the smallest disk image. */
const SECTOR = 512
const INSIST = 'If it is a raw disk anyway, use --file-format raw'

/** Fills in an inspection with what the headers of the file claim. */
export function describe(inspection: Inspection, identity: Identity, expected: Expectation): void {
  const { contents, foreign } = identity
  const image = imageIn(identity, expected)
  inspection.fileFormat = image?.inspector.name ?? 'raw'
  inspection.version = image?.finding.version
  inspection.features = image?.finding.features ?? []
  inspection.contents = contents.map(({ inspector }) => inspector.name)
  inspection.arch = [...contents, ...(foreign ? [foreign] : [])].find(({ finding }) => finding.arch)?.finding.arch
  const size = image ? image.finding.virtualSize : inspection.size
  // A size too large for a double appears only in messages.
  inspection.virtualSize = typeof size === 'bigint' ? undefined : size
}

/** Returns the image format that a file is registered with. A fixed VHD is a raw disk unless VHD is requested. */
function imageIn({ image }: Identity, { format, prefersVhd }: Expectation) {
  const isWanted = format === undefined ? prefersVhd === true : format === image?.inspector.name
  return image?.finding.isRawToo && !isWanted ? undefined : image
}

/** Refuses files that are not disk images, unless the operator declares a raw disk. */
export function checkKind(inspection: Inspection, identity: Identity, { format }: Expectation): Refusal[] {
  const { packed, foreign, refusals } = identity
  if (refusals.length > 0) return refusals
  const nonDisk = packed ?? foreign
  if (nonDisk === undefined) return []
  if (packed === undefined && format === 'raw') {
    inspection.warnings.push(`looks like ${titleOf(nonDisk)}, but is treated as a raw disk as declared`)
    return []
  }
  inspection.fileFormat = undefined
  inspection.virtualSize = undefined
  const own = nonDisk.finding.refusals ?? []
  if (own.length > 0) return own
  const why = `is ${titleOf(nonDisk)}, not a disk image`
  // A packed file gets here only from inside another packed file.
  if (packed) return [{ why, hint: 'Unpack it too: the agents unpack only once' }]
  // A shorter file is refused even if it is declared raw.
  return [{ why, hint: inspection.size < SECTOR ? 'Check that the path names a disk image' : INSIST }]
}

/**
 * Refuses images that refer to other files, are encrypted or damaged, or have a format
 * that cannot be used or differs from the declared one.
 */
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
    return [{ why: `is in ${format} format, which instances cannot use` }]
  if (expected.format !== undefined && expected.format !== format)
    return [{ why: `is ${format}, not ${expected.format} as declared`, hint: 'Correct or omit --file-format' }]
  if (identity.image && format === 'raw')
    inspection.warnings.push(
      'is a fixed VHD image, a raw disk with a footer. To register it as VHD, use --file-format vpc',
    )
  inspection.warnings.push(...(finding.warnings ?? []))
  return []
}

/**
 * Warns if the extension of a file name stands for another format. Refuses a file with
 * the extension of an image format that has no such format.
 *
 * @param found the format of the file, then any others that it also has: a fixed VHD
 *   is also raw.
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
    return [{ why: `is named .${named.ending} but is not in that format: its download may have failed`, hint: INSIST }]
  inspection.warnings.push(`is named .${named.ending} but is ${found}`)
  return []
}

/** Refuses disks that are empty, too small, or larger than allowed. */
export function checkSize(inspection: Inspection, identity: Identity, expected: Expectation): Refusal[] {
  const { maxSize = DEFAULT_MAX_SIZE } = expected
  if (inspection.size < SECTOR)
    return [{ why: `is too short for a disk image: ${inspection.size} bytes`, hint: FETCH_AGAIN }]
  const size = inspection.virtualSize ?? imageIn(identity, expected)?.finding.virtualSize ?? 0
  if (size === 0) return [{ why: 'has a virtual size of 0 bytes' }]
  // Larger sizes are reported exactly, but cannot be used in calculations.
  const limit = Math.min(maxSize, Number.MAX_SAFE_INTEGER)
  if (size <= limit) return []
  return [
    {
      why: `has a virtual size of ${size} bytes, over the limit of ${limit}`,
      ...(limit === maxSize && { hint: 'Allow more with --max-size' }),
    },
  ]
}

/** Refuses files that are shorter than their headers say, and warns of raw disks that may not boot. */
export function checkContents(inspection: Inspection, { image, contents }: Identity): Refusal[] {
  const { size, fileFormat, warnings } = inspection
  const ownFormat = image ? [image] : []
  const claims = fileFormat === 'raw' ? contents : ownFormat
  const needed = largest(...claims.map(({ finding }) => finding.end ?? 0))
  if (needed > size) {
    const isPartitions = claims.some(({ finding }) => finding.endsWithPartitions && finding.end === needed)
    return [isPartitions ? partitionsBeyondEnd(needed, size) : { why: truncated(needed, size), hint: FETCH_AGAIN }]
  }
  const refusals = contents.flatMap(({ finding }) => finding.refusals ?? [])
  if (fileFormat !== 'raw') return image?.finding.isRawToo ? refusals : []
  warnings.push(...contents.flatMap(({ finding }) => finding.warnings ?? []))
  if (size % SECTOR !== 0) warnings.push(`has ${size} bytes, which is not a multiple of ${SECTOR}`)
  if (contents.length === 0) warnings.push('has no known partition table or filesystem: it may not boot')
  return refusals
}

/** Returns the refusal of a disk whose partitions need more bytes than the file has. */
function partitionsBeyondEnd(needed: number | bigint, size: number): Refusal {
  return {
    why: `has partitions that end beyond the file: they need ${BigInt(needed)} bytes, but it has ${size}`,
    hint: `If it was published like this, fetching it again does not help. Extend it with: truncate -s ${needed} ${FILE}`,
  }
}

/** The refusal of an image that is encrypted. */
export const ENCRYPTED: Refusal = {
  why: 'is encrypted: instances cannot boot it',
  hint: 'Decrypt the disk, then make the image again',
}

/** Returns the refusal of an image that refers to something outside its own file. */
export function refersTo(reference: string, format: string): Refusal {
  return {
    why: `refers to ${reference}, but an image must be self-contained`,
    hint: `Convert it to a single file: qemu-img convert -f ${format} -O qcow2 ${FILE} OUT.qcow2`,
  }
}
