import { CHANGED, type ImageFile, isUnchanged } from '../file/image-file.ts'
import { FETCH_AGAIN, fileSource, type Source, truncated } from '../file/source.ts'
import { askQemu, checkWithQemu } from '../qemu/qemu-checks.ts'
import type { Watcher } from '../watcher.ts'
import { refusalsOf, unpackedFirst } from './catch-refusals.ts'
import { withoutPacking } from './file-formats.ts'
import { checkContents, checkEnding, checkKind, checkSigns, checkSize, describe } from './header-checks.ts'
import { DEFAULT_MAX_SIZE, type Expectation, type Inspection, namingFile } from './inspection.ts'
import { type Identity, recognise, titleOf } from './recognise.ts'
import type { Refusal } from './refusal.ts'

/** Bytes that all inspectors together may read (validation.md, "The order of things"). */
const HEADER_LIMIT = 1024 * 1024

/**
 * Finds out what a disk image file is and whether it may be registered
 * (validation.md). What is packed is looked into as a stream.
 *
 * @throws VdcError QEMU_IMG_FAILED when qemu-img can't be run,
 *   FILE_NOT_WRITTEN when a packed image can't be unpacked, or what the cancellation throws.
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
    if (identity.refusals.length === 0 && ['gzip', 'tar'].includes(packed))
      return inspectPacked(inspection, file, expected, watcher)
    return inspectDisk(inspection, { identity, whole, file, path: file.path }, expected, watcher)
  })
  // What is written to while it is read may look like anything.
  const actual = refusals.length > 0 && !(await isUnchanged(file)) ? [CHANGED] : refusals
  return { ...inspection, refusals: namingFile(actual, file.path) }
}

/** The bytes of a disk image. */
interface Disk {
  identity: Identity
  whole: Source
  /** What qemu-img reads; a raw disk that is packed has none. */
  file: ImageFile | undefined
  /** What it is called. */
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
  const fileLimit = async (start: Source) => {
    const { image } = await recognise(start, start)
    return image === undefined || image.finding.isRawToo
      ? undefined
      : largestFile(Number(image.finding.virtualSize ?? 0))
  }
  const unpacked = new Unpacked(file, expected.unpackedSize ?? expected.maxSize ?? DEFAULT_MAX_SIZE, fileLimit)
  try {
    const packing = await unpack(file, (at, bytes) => unpacked.take(at, bytes), watcher)
    inspection.containerFormat = packing.containerFormat
    inspection.size = packing.unpackedSize
    const { source, file: inner } = await unpacked.finish(packing.unpackedSize)
    const misnamed = checkEnding(inspection, file.path, [packing.containerFormat], undefined)
    if (misnamed.length > 0) return misnamed
    const whole = inner === undefined ? source : fileSource(inner, undefined, watcher.cancellation)
    const identity = await recognise(inner === undefined ? source : fileSource(inner, HEADER_LIMIT), whole)
    const disk = { identity, whole, file: inner, path: withoutPacking(file.path) }
    return (await inspectDisk(inspection, disk, expected, watcher)).map(unpackedFirst)
  } finally {
    await unpacked.close()
  }
}

/** Goes through validation.md's steps 2 to 5, up to the first that refuses: what comes after would not be safe. */
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

/** Refuses an image with a format of its own that nobody unpacked, so that nothing could look at it as a whole. */
function requireFile({ image }: Identity, file: ImageFile | undefined): Refusal[] {
  if (file !== undefined || image === undefined || image.finding.isRawToo) return []
  return [{ why: `is unclear: only its end shows that it is ${titleOf(image)}` }]
}

/** Refuses an image whose tables lead beyond the file's end, or over each other. */
async function checkLayout({ image }: Identity, whole: Source): Promise<Refusal[]> {
  const needed = (await image?.finding.findEnd?.(whole)) ?? 0
  if (needed > whole.size) return [{ why: truncated(needed, whole.size), hint: FETCH_AGAIN }]
  const damage = (await image?.finding.readLayout?.(whole))?.refusal()
  return damage === undefined ? [] : [damage]
}
