import { CHANGED, type ImageFile, isUnchanged } from '../file/image-file.ts'
import { FETCH_AGAIN, fileSource, type Source, truncated } from '../file/source.ts'
import { mustBeCopied } from '../formats/shared.ts'
import { askQemu, checkWithQemu } from '../qemu/qemu-checks.ts'
import type { Watcher } from '../watcher.ts'
import { refusalsOf, unpackedFirst } from './catch-refusals.ts'
import { type ContainerFormat, isOfAgents, titleOfContainer } from './containers.ts'
import { withoutPacking } from './file-formats.ts'
import { checkContents, checkEnding, checkKind, checkSigns, checkSize, describe } from './header-checks.ts'
import { DEFAULT_MAX_SIZE, type Expectation, type Inspection, namingFile } from './inspection.ts'
import { type Identity, recognise, titleOf } from './recognise.ts'
import type { Refusal } from './refusal.ts'

/** Bytes that all inspectors together can read (validation.md, "The order of things"). */
const HEADER_LIMIT = 1024 * 1024
/** Packed files that the agents can unpack, and all that can be unpacked here, by the names of their inspectors. */
const OF_AGENTS: readonly string[] = ['gzip', 'tar']
const PACKED: readonly string[] = [...OF_AGENTS, 'xz', 'bzip2', 'zstd', 'zip']

/**
 * Inspects a disk image file: finds its format, and whether it can be registered
 * (validation.md). A packed file is unpacked as a stream.
 *
 * @returns the inspection, with its refusals; a refused file is not an error.
 * @throws VdcError QEMU_IMG_FAILED if qemu-img cannot be run, FILE_NOT_WRITTEN if a
 *   packed image cannot be unpacked, or the error of the cancellation.
 */
export async function inspectImage(file: ImageFile, expected: Expectation, watcher: Watcher): Promise<Inspection> {
  const inspection: Inspection = {
    containerFormat: 'none',
    fileFormat: undefined,
    version: undefined,
    features: [],
    contents: [],
    arch: undefined,
    allocationSize: file.size,
    size: file.size,
    virtualSize: undefined,
    warnings: [],
    refusals: [],
  }
  const whole = fileSource(file, undefined, watcher.cancellation)
  const refusals = await refusalsOf(async () => {
    const identity = await recognise(fileSource(file, HEADER_LIMIT), whole)
    const packed = identity.packed?.inspector.name ?? ''
    const opened = expected.unpacks === undefined || expected.unpacks === 'agents' ? OF_AGENTS : PACKED
    if (identity.refusals.length === 0 && opened.includes(packed))
      return inspectPacked(inspection, file, expected, watcher)
    return inspectDisk(inspection, { identity, whole, file, path: file.path }, expected, watcher)
  })
  // A file that is being written to can look like anything, so report the change instead.
  const actual = refusals.length > 0 && !(await isUnchanged(file)) ? [CHANGED] : refusals
  return { ...inspection, refusals: namingFile(actual, file.path) }
}

/** A disk image, packed or not. */
interface Disk {
  identity: Identity
  whole: Source
  /** The file that qemu-img reads; undefined for a packed raw disk. */
  file: ImageFile | undefined
  /** The name of the image, without the extension of its packing. */
  path: string
}

async function inspectPacked(
  inspection: Inspection,
  file: ImageFile,
  expected: Expectation,
  watcher: Watcher,
): Promise<Refusal[]> {
  const [{ unpack }, { largestFile, Unpacked }] = await Promise.all([
    import('../unpack/unpack.ts'),
    import('../unpack/unpacked.ts'),
  ])
  const limit = expected.unpackedSize ?? expected.maxSize ?? DEFAULT_MAX_SIZE
  const fileLimit = async (start: Source) => {
    const { image } = await recognise(start, start)
    if (image !== undefined && !image.finding.isRawToo) return largestFile(Number(image.finding.virtualSize ?? 0))
    return expected.keepsUnpacked ? limit : undefined
  }
  const unpacked = new Unpacked(file, limit, fileLimit)
  try {
    const onFormat = (format: ContainerFormat) => {
      inspection.containerFormat = format
    }
    const opensOva = expected.unpacks === 'all' || expected.unpacks === 'all-to-report'
    const options = { opensOva, onFormat }
    const packing = await unpack(file, (at, bytes) => unpacked.take(at, bytes), watcher, options)
    inspection.size = packing.unpackedSize
    inspection.warnings.push(...packing.warnings)
    const { source, file: inner } = await unpacked.finish(packing.unpackedSize)
    const misnamed = checkEnding(inspection, file.path, [packing.containerFormat], undefined)
    if (misnamed.length > 0) return misnamed
    const whole = inner === undefined ? source : fileSource(inner, undefined, watcher.cancellation)
    const identity = await recognise(inner === undefined ? source : fileSource(inner, HEADER_LIMIT), whole)
    const disk = { identity, whole, file: inner, path: withoutPacking(file.path) }
    const refusals = (await inspectDisk(inspection, disk, expected, watcher)).map(unpackedFirst)
    if (refusals.length > 0) return refusals
    if (expected.keepsUnpacked && inner !== undefined) unpacked.keepFor(file)
    const isRefused = expected.unpacks === 'all-to-report' && !isOfAgents(packing.containerFormat)
    return isRefused ? [mustBeCopied(titleOfContainer(packing.containerFormat))] : []
  } finally {
    await unpacked.close()
  }
}

/**
 * Runs steps 2 to 5 of validation.md. Stops at the first step that refuses the image,
 * as the later ones would not be safe.
 */
async function inspectDisk(
  inspection: Inspection,
  { identity, whole, file, path }: Disk,
  expected: Expectation,
  watcher: Watcher,
): Promise<Refusal[]> {
  describe(inspection, identity, expected)
  const own = identity.image ? [identity.image.inspector.name] : []
  const steps: (() => Refusal[] | Promise<Refusal[]>)[] = [
    () => checkKind(inspection, identity, expected),
    () => checkSigns(inspection, identity, expected),
    () => checkEnding(inspection, path, [inspection.fileFormat as string, ...own], expected.format),
    () => checkSize(inspection, identity, expected),
    () => checkContents(inspection, identity),
    () => requireFile(identity, file),
    async () =>
      file === undefined
        ? []
        : askQemu(inspection, file, identity.image?.finding.otherVirtualSize, watcher.cancellation),
    async () => (inspection.fileFormat === 'raw' ? [] : checkLayout(identity, whole)),
    async () => (file === undefined ? [] : checkWithQemu(inspection, file, watcher.cancellation)),
  ]
  for (const step of steps) {
    const refusals = await refusalsOf(step)
    if (refusals.length > 0) return refusals
  }
  return []
}

/**
 * Refuses a packed image whose format was recognised only at its end. It was treated
 * as a raw disk and not unpacked to a file, so it cannot be inspected as a whole.
 */
function requireFile({ image }: Identity, file: ImageFile | undefined): Refusal[] {
  if (file !== undefined || image === undefined || image.finding.isRawToo) return []
  return [{ why: `is ambiguous: only its end identifies it as ${titleOf(image)}` }]
}

/** Refuses an image whose tables and data reach beyond the end of the file, or overlap. */
async function checkLayout({ image }: Identity, whole: Source): Promise<Refusal[]> {
  const needed = (await image?.finding.findEnd?.(whole)) ?? 0
  if (needed > whole.size) return [{ why: truncated(needed, whole.size), hint: FETCH_AGAIN }]
  const damage = (await image?.finding.readLayout?.(whole))?.refusal()
  return damage === undefined ? [] : [damage]
}
