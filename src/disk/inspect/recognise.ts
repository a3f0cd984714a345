import { limitedSource, NotKept, type Source } from '../file/source.ts'
import { INSPECTORS } from '../formats/index.ts'
import { refusalIn } from './catch-refusals.ts'
import type { Finding, Inspector } from './inspector.ts'
import type { Refusal } from './refusal.ts'

/** A format whose signs a file bears, and what the file claims as one of it. */
export interface Match {
  inspector: Inspector
  finding: Finding
}

/** What a file is. */
export interface Identity {
  /** The image with a format of its own; without one, and without `packed`, the file is a raw disk. */
  image?: Match
  /** By what a raw disk is recognised. */
  contents: Match[]
  packed?: Match
  /** What it looks like where that is no disk. */
  foreign?: Match
  /** That it bears the signs of several formats. */
  refusals: Refusal[]
}

/** Bytes from which on a signature may lie in an image's data by chance. */
const FIRST_SECTOR = 512
/** Bytes of tables that are read to find out whether it does. */
const TABLES_LIMIT = 32 * 1024 * 1024

/**
 * Finds out what a file is, by the signs of all formats.
 *
 * @param start source of which the inspectors may read a mebibyte.
 * @param whole source of which tables may be read.
 */
export async function recognise(start: Source, whole: Source): Promise<Identity> {
  const matches: Match[] = []
  for (const inspector of INSPECTORS) {
    const finding = await inspectSafely(inspector, start)
    if (finding !== undefined) matches.push({ inspector, finding })
  }
  return identify(await withoutChance(matches, whole))
}

/** An inspector that fails has met a file that is not safe. */
async function inspectSafely(inspector: Inspector, source: Source): Promise<Finding | undefined> {
  try {
    return await inspector.inspect(source)
  } catch (error) {
    // What a raw disk holds is no less there for more of it being out of reach.
    if (error instanceof NotKept && inspector.kind === 'contents') return {}
    return { refusals: [refusalIn(error)] }
  }
}

/** The matches without those whose signature is but data of the image that the file is. */
async function withoutChance(matches: Match[], whole: Source): Promise<Match[]> {
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
  // What is refused anyway has no tables to be followed.
  if (references.length > 0 || refusals.length > 0 || end > whole.size) return false
  const source = limitedSource(whole, TABLES_LIMIT)
  try {
    if (finding.findData !== undefined) return await finding.findData(source, offset)
    return (await finding.readLayout?.(source))?.hasBlockAt(offset) ?? false
  } catch (error) {
    // What can't be followed explains nothing.
    refusalIn(error)
    return false
  }
}

function identify(matches: readonly Match[]): Identity {
  const of = (kind: Inspector['kind']) => matches.filter(({ inspector }) => inspector.kind === kind)
  const [images, contents, packed, foreign] = [of('image'), of('contents'), of('packed'), of('foreign')]
  // Text is the lack of any other sign; and a Linux kernel is made to look like a program and a boot sector as well.
  const kernel = foreign.find(({ inspector }) => inspector.name === 'linux-kernel')
  const strange = kernel ?? foreign.find(({ inspector }) => inspector.name !== 'text')
  const signs = [...images, ...packed, ...(strange && !kernel ? [strange] : [])]
  const contradicted = images.length + packed.length > 0 ? contents.filter(() => !images[0]?.finding.isRawToo) : []
  const several = [...signs, ...contradicted, ...(strange && !kernel && signs.length === 1 ? contents : [])]
  const refusals = several.length > 1 ? [ambiguous(several)] : []
  const [image, pack] = [images[0], packed[0]]
  const other = image || pack || (contents.length > 0 && !kernel) ? undefined : (strange ?? foreign[0])
  return {
    ...(image && { image }),
    ...(pack && { packed: pack }),
    ...(other && { foreign: other }),
    contents: kernel ? [] : contents,
    refusals,
  }
}

function ambiguous(matches: readonly Match[]): Refusal {
  const titles = [...new Set(matches.map(titleOf))]
  return {
    why: `bears the signs of several formats: ${titles.join(' and ')}`,
    hint: 'One program would take it for this, and another for that: make a clean one with qemu-img convert',
  }
}

/** What a file of a match is, for people. */
export function titleOf({ inspector, finding }: Match): string {
  return finding.title ?? inspector.title
}
