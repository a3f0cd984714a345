import { VdcError } from '../../core/errors.ts'
import { shellWord } from '../../core/shell-word.ts'
import type { Refusal } from './refusal.ts'

/** Bytes of a disk above which it is refused where nobody says otherwise: 64 TiB. */
export const DEFAULT_MAX_SIZE = 64 * 1024 ** 4

/** What somebody says of a file, and what must come out. */
export interface Expectation {
  /** Its format, one of FILE_FORMATS. */
  format?: string | undefined
  /** Whether a fixed VHD, which is a raw disk and a footer, is taken as VHD where no format is given. */
  prefersVhd?: boolean
  /** Bytes of the largest disk that is accepted. */
  maxSize?: number | undefined
  /** Bytes that what is packed may have when it is unpacked. Default: maxSize. */
  unpackedSize?: number
}

/** What a disk image file is, and whether it may be registered. */
export interface Inspection {
  /** How it is packed: dcmgr's names. */
  containerFormat: 'none' | 'gz' | 'tar' | 'tgz'
  /** One of FILE_FORMATS, or the name of what is refused; undefined for what is no disk image. */
  fileFormat: string | undefined
  /** Version of that format. */
  version: number | undefined
  features: string[]
  /** What a raw disk holds: partition tables, filesystems. */
  contents: string[]
  /** What machine it is made for, where it tells: dcmgr's name, or the field's. */
  arch: string | undefined
  /** Bytes of the file. */
  allocationSize: number
  /** Bytes of the disk image when it is unpacked. */
  size: number
  /** Bytes of the disk that it is an image of. */
  virtualSize: number | undefined
  /** What an operator should know; goes on after the file's name. */
  warnings: string[]
  /** Why it may not be registered; none where it may. */
  refusals: Refusal[]
}

/** In a hint, stands for the file's path as one types it in a shell. */
export const FILE = '{file}'

/** Refusals with the file's path in their hints, each only once. */
export function namingFile(refusals: readonly Refusal[], path: string): Refusal[] {
  const different = refusals.filter(({ why }, at) => refusals.findIndex((other) => other.why === why) === at)
  const typed = shellWord(path)
  return different.map(({ why, hint }) =>
    hint === undefined ? { why } : { why, hint: hint.replaceAll(FILE, () => typed) },
  )
}

/**
 * Throws why a file may not be registered.
 *
 * @throws VdcError FILE_REFUSED that names the file.
 */
export function requireAcceptable({ refusals: [first] }: Inspection, path: string): void {
  if (first !== undefined) throw new VdcError('FILE_REFUSED', `The file ${path} ${first.why}`, { hint: first.hint })
}
