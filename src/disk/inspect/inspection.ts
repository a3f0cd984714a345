import { VdcError } from '../../core/errors.ts'
import { shellWord } from '../../core/shell-word.ts'
import type { ContainerFormat } from './containers.ts'
import type { Refusal } from './refusal.ts'

/** Default limit of the virtual size, in bytes: 64 TiB. */
export const DEFAULT_MAX_SIZE = 64 * 1024 ** 4

/** The properties that a file is declared to have, and the limits that it must keep. */
export interface Expectation {
  /** The declared format, one of FILE_FORMATS. */
  format?: string | undefined
  /** Whether a fixed VHD, a raw disk with a footer, is treated as VHD if no format is declared. */
  prefersVhd?: boolean
  /** Largest virtual size in bytes. Default: DEFAULT_MAX_SIZE. */
  maxSize?: number | undefined
  /** Largest size of a packed file in bytes, after unpacking. Default: maxSize. */
  unpackedSize?: number
  /**
   * Files that are unpacked: those that the agents can unpack (default); all, for a copy; or all, and those that
   * the agents cannot unpack are refused after that.
   */
  unpacks?: 'agents' | 'all' | 'all-to-report'
  /** Whether the unpacked image stays open with its file, to be converted. */
  keepsUnpacked?: boolean
}

/** The result of inspecting a disk image file. */
export interface Inspection {
  /** Container format, by dcmgr's name if it has one. */
  containerFormat: ContainerFormat
  /** One of FILE_FORMATS, or the name of a refused image format; undefined if the file is not a disk image. */
  fileFormat: string | undefined
  /** Version of the file format. */
  version: number | undefined
  features: string[]
  /** Partition tables and filesystems of a raw disk. */
  contents: string[]
  /** Architecture, if it can be recognised: dcmgr's name, or the common one if dcmgr has none. */
  arch: string | undefined
  /** Size of the file in bytes. */
  allocationSize: number
  /** Size of the unpacked disk image in bytes. */
  size: number
  /** Virtual size in bytes. */
  virtualSize: number | undefined
  /** Warnings for the operator; each continues a sentence that begins with the name of the file. */
  warnings: string[]
  /** Why the file cannot be registered; empty if it can. */
  refusals: Refusal[]
}

/** Placeholder in hints for the path of the file, quoted for a shell. */
export const FILE = '{file}'

/** Removes repeated refusals, and fills in the path of the file in their hints. */
export function namingFile(refusals: readonly Refusal[], path: string): Refusal[] {
  const different = refusals.filter(({ why }, at) => refusals.findIndex((other) => other.why === why) === at)
  const typed = shellWord(path)
  return different.map(({ why, hint }) =>
    hint === undefined ? { why } : { why, hint: hint.replaceAll(FILE, () => typed) },
  )
}

/**
 * Requires that a file can be registered.
 *
 * @throws VdcError FILE_REFUSED, with the name of the file, for the first refusal.
 */
export function requireAcceptable({ refusals: [first] }: Inspection, path: string): void {
  if (first !== undefined) throw new VdcError('FILE_REFUSED', `The file ${path} ${first.why}`, { hint: first.hint })
}
