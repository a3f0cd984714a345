import { limitedSource, NotKept, type Source } from '../file/source.ts'
import { INSPECTORS } from '../formats/index.ts'
import { refusalIn } from './catch-refusals.ts'
import type { Finding, Inspector } from './inspector.ts'
import type { Refusal } from './refusal.ts'

/** A format that matches a file, and the findings of its inspector. */
export interface Match {
  inspector: Inspector
  finding: Finding
}

/** The formats that a file was recognised as. */
export interface Identity {
  /** The disk image format. Without it and `packed`, the file is a raw disk. */
  image?: Match
  /** Partition tables and filesystems of a raw disk. */
  contents: Match[]
  /** How the file is packed. */
  packed?: Match
  /** A format that is not a disk. */
  foreign?: Match
  /** The refusal of a file that matches several formats; else empty. */
  refusals: Refusal[]
}

/** From this offset on, a signature may be in the data of an image by chance. */
const FIRST_SECTOR = 512
/** Bytes of tables that are read to find out whether a signature is in the data. */
const TABLES_LIMIT = 32 * 1024 * 1024

/**
 * Recognises a file by the signatures of all formats.
 *
 * @param start source for the inspectors, limited to 1 MiB of reading.
 * @param whole source without that limit, for tables.
 */
export async function recognise(start: Source, whole: Source): Promise<Identity> {
  const matches: Match[] = []
  for (const inspector of INSPECTORS) {
    const finding = await inspectSafely(inspector, start)
    if (finding !== undefined) matches.push({ inspector, finding })
  }
  return identify(await withoutMatchesInData(matches, whole))
}

/** Runs an inspector. If it fails, the file is not safe, so the error becomes a refusal. */
async function inspectSafely(inspector: Inspector, source: Source): Promise<Finding | undefined> {
  try {
    return await inspector.inspect(source)
  } catch (error) {
    // The inspector did recognise something, but the rest of a packed raw disk was not kept.
    if (error instanceof NotKept && inspector.kind === 'contents') return {}
    return { refusals: [refusalIn(error)] }
  }
}

/** Leaves out matches whose signature is in the data of the disk image. */
async function withoutMatchesInData(matches: Match[], whole: Source): Promise<Match[]> {
  const deep = ({ finding }: Match) => (finding.at ?? 0) >= FIRST_SECTOR
  const image = matches.find((match) => match.inspector.kind === 'image' && !deep(match))
  const kept: Match[] = []
  for (const match of matches) {
    if (!image || !deep(match) || !(await hasDataAt(image.finding, whole, match.finding.at as number))) kept.push(match)
  }
  return kept
}

async function hasDataAt(finding: Finding, whole: Source, offset: number): Promise<boolean> {
  const { references = [], refusals = [], end = 0 } = finding
  // Tables of an image that is refused anyway are not read.
  if (references.length > 0 || refusals.length > 0 || end > whole.size) return false
  const source = limitedSource(whole, TABLES_LIMIT)
  try {
    if (finding.findData !== undefined) return await finding.findData(source, offset)
    return (await finding.readLayout?.(source))?.hasBlockAt(offset) ?? false
  } catch (error) {
    // Damaged tables do not explain the signature. Other errors are thrown.
    refusalIn(error)
    return false
  }
}

function identify(matches: readonly Match[]): Identity {
  const of = (kind: Inspector['kind']) => matches.filter(({ inspector }) => inspector.kind === kind)
  const images = of('image')
  const contents = of('contents')
  const packed = of('packed')
  const foreign = of('foreign')
  // A Linux kernel may also have the signatures of a program and of a boot sector.
  const kernel = foreign.find(({ inspector }) => inspector.name === 'linux-kernel')
  // Text is the absence of other signatures, so it contradicts none.
  const other = kernel ? undefined : foreign.find(({ inspector }) => inspector.name !== 'text')
  const image = images[0]
  const pack = packed[0]
  const signs = [...images, ...packed, ...(other ? [other] : [])]
  const hasContradiction =
    (images.length + packed.length > 0 && !image?.finding.isRawToo) || (other && signs.length === 1)
  const several = hasContradiction ? [...signs, ...contents] : signs
  const refusals = several.length > 1 ? [ambiguous(several)] : []
  const isDisk = image !== undefined || pack !== undefined || (contents.length > 0 && !kernel)
  const nonDisk = isDisk ? undefined : (kernel ?? other ?? foreign[0])
  return {
    ...(image && { image }),
    ...(pack && { packed: pack }),
    ...(nonDisk && { foreign: nonDisk }),
    contents: kernel ? [] : contents,
    refusals,
  }
}

function ambiguous(matches: readonly Match[]): Refusal {
  const titles = [...new Set(matches.map(titleOf))]
  return {
    why: `has the signatures of several formats: ${titles.join(' and ')}`,
    hint: 'Programs may disagree about its format; make a clean copy with qemu-img convert',
  }
}

/** Describes the file of a match in messages, such as `a zip archive`. */
export function titleOf({ inspector, finding }: Match): string {
  return finding.title ?? inspector.title
}
