import { basename } from 'node:path'
import { VdcError } from '../../core/errors.ts'

/** An algorithm of checksums, the strongest last. */
export const ALGORITHMS = ['md5', 'sha256', 'sha512'] as const
/** One of ALGORITHMS. */
export type Algorithm = (typeof ALGORITHMS)[number]

/** A checksum that a file must have. */
export interface WantedChecksum {
  algorithm: Algorithm
  /** Lower case. */
  hex: string
}

/** Hexadecimal digits of a checksum. */
const DIGITS: Readonly<Record<Algorithm, number>> = { md5: 32, sha256: 64, sha512: 128 }
/** Bytes of the largest checksum file that is read; those of distributions have some 100 KiB. */
export const LARGEST_CHECKSUM_FILE = 4 * 1024 * 1024

/** As sha256sum writes it, in text or binary mode; a backslash at the start escapes the name. */
const GNU = /^(\\?)([0-9a-f]+) [ *](.+)$/i
/** As `sha256sum --tag` and BSD's sha256 write it. */
const BSD = /^(\\?)(MD5|SHA256|SHA512) ?\((.+)\) ?= ?([0-9a-f]+)$/i

/** Returns the algorithm of a checksum by its length; undefined if there is none. */
export function algorithmOf(hex: string): Algorithm | undefined {
  return ALGORITHMS.find((algorithm) => DIGITS[algorithm] === hex.length)
}

/**
 * Finds the checksums of a file in the text of a checksum file, at most one per algorithm. Lines
 * that name the file in a folder count too. A text that is nothing but a checksum is that of any file.
 *
 * @param name without its folder.
 * @param source names the checksum file in errors.
 * @returns the checksums, the strongest last; empty if no line names the file.
 * @throws VdcError FILE_REFUSED if lines contradict each other.
 */
export function checksumsIn(text: string, name: string, source: string): WantedChecksum[] {
  const found = new Map<Algorithm, string>()
  for (const line of text.trim().split(/\r?\n/)) {
    const wanted = parseLine(line, name)
    if (wanted === undefined) continue
    const other = found.get(wanted.algorithm)
    if (other !== undefined && other !== wanted.hex)
      throw new VdcError('FILE_REFUSED', `${source} has several ${wanted.algorithm} checksums for ${name}`, {
        hint: 'Give the checksum itself: --checksum sha256:HEX',
      })
    found.set(wanted.algorithm, wanted.hex)
  }
  const alone = wantedOf(text.trim())
  if (found.size === 0 && alone !== undefined) return [alone]
  return ALGORITHMS.flatMap((algorithm) => ({ algorithm, hex: found.get(algorithm) ?? '' })).filter(({ hex }) => hex)
}

/** Returns a line of a checksum file, as sha256sum writes it, with its newline. */
export function checksumLine(hex: string, name: string): string {
  const escaped = name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
  return `${escaped === name ? '' : '\\'}${hex}  ${escaped}\n`
}

function parseLine(line: string, name: string): WantedChecksum | undefined {
  const [, gnuEscape, gnuHex, gnuName] = GNU.exec(line) ?? []
  const [, bsdEscape, tag, bsdName, bsdHex] = BSD.exec(line) ?? []
  const listed = gnuName ?? bsdName
  if (listed === undefined) return undefined
  const isEscaped = (gnuEscape ?? bsdEscape) === '\\'
  const real = isEscaped ? unescaped(listed) : listed
  if (real !== name && basename(real) !== name) return undefined
  const wanted = wantedOf(gnuHex ?? bsdHex ?? '')
  return tag === undefined || tag.toLowerCase() === wanted?.algorithm ? wanted : undefined
}

function unescaped(name: string): string {
  const letters: Readonly<Record<string, string>> = { n: '\n', r: '\r' }
  return name.replace(/\\(.)/g, (_, letter: string) => letters[letter] ?? letter)
}

function wantedOf(hex: string): WantedChecksum | undefined {
  const algorithm = /^[0-9a-f]+$/i.test(hex) ? algorithmOf(hex) : undefined
  return algorithm && { algorithm, hex: hex.toLowerCase() }
}
