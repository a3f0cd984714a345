import { basename, resolve } from 'node:path'
import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import { readSmallFile } from '../../../disk/file/text-file.ts'
import {
  ALGORITHMS,
  algorithmOf,
  ChecksumList,
  LARGEST_CHECKSUM_FILE,
  type WantedChecksum,
} from '../../../disk/hash/checksum-file.ts'
import type { Watcher } from '../../registry.ts'

/** A checksum, or the path or URL of a file that lists checksums. */
export type GivenChecksum = WantedChecksum | { source: string }

const CHECKSUM = new RegExp(`^(?:(${ALGORITHMS.join('|')}):)?([0-9a-f]+)$`, 'i')

/** `sha256:HEX`, `md5:HEX` or `sha512:HEX`, or the path or URL of a checksum file. Without a prefix, the length decides. */
export const givenChecksum = z.pipe(
  z
    .string()
    .check(z.refine((text) => parse(text) !== undefined, 'must be sha256:HEX, md5:HEX, sha512:HEX or a checksum file')),
  z.transform((text) => parse(text) as GivenChecksum),
)

function parse(text: string): GivenChecksum | undefined {
  const [, prefix, hex] = CHECKSUM.exec(text) ?? []
  if (hex !== undefined) {
    const algorithm = algorithmOf(hex)
    const isRight = algorithm !== undefined && [undefined, algorithm].includes(prefix?.toLowerCase() as never)
    return isRight ? { algorithm, hex: hex.toLowerCase() } : undefined
  }
  return text === '' || /^(?:md5|sha\d+):/i.test(text) ? undefined : { source: text }
}

/**
 * Reads a checksum file of this host.
 *
 * @throws VdcError FILE_REFUSED; the error of the cancellation.
 */
export async function readChecksumFile(path: string, { cancellation }: Watcher): Promise<string> {
  return (await readSmallFile(path, LARGEST_CHECKSUM_FILE, cancellation)).toString('utf8')
}

/**
 * Returns the strongest checksum that a checksum file has for a file.
 *
 * @param source names the checksum file in errors.
 * @throws VdcError FILE_REFUSED if there is none.
 */
export function strongestIn(text: string, name: string, source: string): WantedChecksum {
  const found = new ChecksumList(text, source).of(name).at(-1)
  if (found !== undefined) return found
  throw notListed(source, name, 'MD5, SHA-256 or SHA-512')
}

/** Texts that are paths, and not mistyped checksums. */
const PATH = /[./]|SUMS?$/i

/** Returns true if a checksum file was given in place of a checksum. */
export function isChecksumFile(given: string | undefined): given is string {
  return given !== undefined && PATH.test(given)
}

/**
 * Returns what finds the checksums of files if a checksum file was given in place of a checksum. The checksum file is
 * read once: it may be a pipe.
 *
 * @param given a checksum, or the path of a checksum file.
 * @returns a function of the path of a file. It returns an empty object if a checksum was given, or nothing; it throws
 *   VdcError FILE_REFUSED if the checksum file has no MD5 or SHA-256 for the file.
 * @throws VdcError FILE_REFUSED if the checksum file cannot be read; the error of the cancellation.
 */
export async function checksumsListedIn(
  given: string | undefined,
  watcher: Watcher,
): Promise<(path: string) => { checksum?: string }> {
  if (!isChecksumFile(given)) return () => ({})
  const list = new ChecksumList(await readChecksumFile(given, watcher), given)
  return (path) => {
    const found = list.of(resolve(path)).findLast(({ algorithm }) => algorithm !== 'sha512')
    if (found === undefined) throw notListed(given, path, 'MD5 or SHA-256')
    return { checksum: `${found.algorithm}:${found.hex}` }
  }
}

function notListed(source: string, path: string, what: string): VdcError {
  return new VdcError('FILE_REFUSED', `${source} has no ${what} checksum for ${basename(path)}`, {
    hint: 'Give the checksum itself: --checksum sha256:HEX',
  })
}
