import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import type { Checksums } from '../../../disk/hash/hashed.ts'
import { checksum } from '../../rules/checksum.ts'
import { imageAttributes } from '../attributes.ts'

const UNITS = ['', 'K', 'M', 'G', 'T', 'P']
const SIZE = /^([0-9]{1,15})([KMGTP]?)(?:i?B)?$/i

/** A size in bytes, with an optional unit, a power of 1024: `64T`, `10GiB`, `1048576`. */
export const size = z.pipe(
  z.string().check(z.refine((text) => SIZE.test(text), 'must be a number of bytes, such as 1073741824, 10G or 64TiB')),
  z.transform((text) => {
    const [, digits = '', unit = ''] = SIZE.exec(text) ?? []
    return Number(digits) * 1024 ** UNITS.indexOf(unit.toUpperCase())
  }),
)

/** The properties that an operator can require of a file. */
export const expectations = {
  file_format: z.optional(imageAttributes.file_format),
  checksum: z.optional(checksum),
  max_size: z.optional(size),
}

/** The properties that an operator can require of a file that is read and not registered. */
export const readExpectations = { file_format: expectations.file_format, max_size: expectations.max_size }

/** Checksums that a file must have. */
export type ExpectedChecksums = Partial<Checksums> & {
  /** Paths of the files that list them. */
  from?: Partial<Checksums>
}

/**
 * Compares the checksums of a file with the expected ones.
 *
 * @throws VdcError FILE_REFUSED if they differ.
 */
export function requireChecksum(path: string, found: Checksums, expected: ExpectedChecksums | undefined): void {
  for (const [algorithm, name] of [
    ['md5', 'MD5'],
    ['sha256', 'SHA-256'],
  ] as const) {
    const wanted = expected?.[algorithm]
    if (wanted === undefined || wanted === found[algorithm]) continue
    const from = expected?.from?.[algorithm]
    const again = 'Download or copy the file again'
    throw new VdcError(
      'FILE_REFUSED',
      `The file ${path} has the wrong ${name}: expected ${wanted}${from ? ` (in ${from})` : ''}, got ${found[algorithm]}`,
      { hint: from ? `${again}; if ${from} is out of date, remove it or give --checksum` : again },
    )
  }
}
