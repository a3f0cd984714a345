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

/** A text that lists checksums, parsed once for any number of files. */
export class ChecksumList {
  readonly #source: string
  /** The checksums of files of each name, without their folders. */
  readonly #byName = new Map<string, Listed[]>()
  /** The checksum in a text that is nothing else, which is that of any file. */
  readonly #alone: WantedChecksum | undefined

  /** @param source names the checksum file in errors. */
  constructor(text: string, source: string) {
    this.#source = source
    this.#alone = wantedOf(text.trim())
    for (const line of text.trim().split(/\r?\n/)) {
      const listed = parseLine(line)
      if (listed === undefined) continue
      const name = basename(listed.path)
      const others = this.#byName.get(name)
      if (others === undefined) this.#byName.set(name, [listed])
      else others.push(listed)
    }
  }

  /**
   * Finds the checksums of a file, at most one per algorithm: of the lines with its name, those whose path is the
   * longest end of its path, or else those in any folder.
   *
   * @param path of the file, or its name.
   * @returns the checksums, the strongest last; empty if no line names the file.
   * @throws VdcError FILE_REFUSED if lines contradict each other.
   */
  of(path: string): WantedChecksum[] {
    const name = basename(path)
    const found = new Map<Algorithm, string>()
    for (const { algorithm, hex } of nearest(this.#byName.get(name) ?? [], path)) {
      if (![undefined, hex].includes(found.get(algorithm)))
        throw new VdcError('FILE_REFUSED', `${this.#source} has several ${algorithm} checksums for ${name}`, {
          hint: 'Give the checksum itself: --checksum sha256:HEX',
        })
      found.set(algorithm, hex)
    }
    if (found.size === 0 && this.#alone !== undefined) return [this.#alone]
    return ALGORITHMS.flatMap((algorithm) => ({ algorithm, hex: found.get(algorithm) ?? '' })).filter(({ hex }) => hex)
  }
}

/** Returns the lines whose path is the longest end of a file's path; all lines if none is. */
function nearest(lines: readonly Listed[], path: string): readonly Listed[] {
  const ends = lines.filter((line) => `/${path}`.endsWith(`/${line.path}`))
  const longest = ends.reduce((most, line) => Math.max(most, line.path.length), 0)
  return ends.length === 0 ? lines : ends.filter((line) => line.path.length === longest)
}

/** Returns a line of a checksum file, as sha256sum writes it, with its newline. */
export function checksumLine(hex: string, name: string): string {
  const escaped = name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
  return `${escaped === name ? '' : '\\'}${hex}  ${escaped}\n`
}

/** A line of a checksum file. */
interface Listed extends WantedChecksum {
  /** As listed, without `./` at its start. */
  path: string
}

function parseLine(line: string): Listed | undefined {
  const [, gnuEscape, gnuHex, gnuName] = GNU.exec(line) ?? []
  const [, bsdEscape, tag, bsdName, bsdHex] = BSD.exec(line) ?? []
  const listed = gnuName ?? bsdName
  if (listed === undefined) return undefined
  const isEscaped = (gnuEscape ?? bsdEscape) === '\\'
  const path = (isEscaped ? unescaped(listed) : listed).replace(/^(?:\.\/+)+/, '')
  const wanted = wantedOf(gnuHex ?? bsdHex ?? '')
  const isRight = tag === undefined || tag.toLowerCase() === wanted?.algorithm
  return isRight && wanted !== undefined ? { ...wanted, path } : undefined
}

function unescaped(name: string): string {
  const letters: Readonly<Record<string, string>> = { n: '\n', r: '\r' }
  return name.replace(/\\(.)/g, (_, letter: string) => letters[letter] ?? letter)
}

function wantedOf(hex: string): WantedChecksum | undefined {
  const algorithm = /^[0-9a-f]+$/i.test(hex) ? algorithmOf(hex) : undefined
  return algorithm && { algorithm, hex: hex.toLowerCase() }
}
