import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import type { Checksums } from '../../../disk/hash/hashed.ts'
import { checksum } from '../../rules/checksum.ts'
import { imageAttributes } from '../attributes.ts'

const UNITS = ['', 'K', 'M', 'G', 'T', 'P']
const SIZE = /^([0-9]{1,15})([KMGTP]?)(?:i?B)?$/i

/** Bytes, with a unit of 1024 where one is given: `64T`, `10GiB`, `1048576`. */
const size = z.pipe(
  z.string().check(z.refine((text) => SIZE.test(text), 'must be a number of bytes, such as 1073741824, 10G or 64TiB')),
  z.transform((text) => {
    const [, digits = '', unit = ''] = SIZE.exec(text) ?? []
    return Number(digits) * 1024 ** UNITS.indexOf(unit.toUpperCase())
  }),
)

/** What an operator may say of a file beforehand. */
export const expectations = {
  file_format: z.optional(imageAttributes.file_format),
  checksum: z.optional(checksum),
  max_size: z.optional(size),
}

/**
 * Compares the checksums of a file with the one that was expected.
 *
 * @throws VdcError FILE_REFUSED.
 */
export function requireChecksum(path: string, found: Checksums, expected: Partial<Checksums> | undefined): void {
  for (const [algorithm, name] of [
    ['md5', 'MD5'],
    ['sha256', 'SHA-256'],
  ] as const) {
    const wanted = expected?.[algorithm]
    if (wanted === undefined || wanted === found[algorithm]) continue
    throw new VdcError(
      'FILE_REFUSED',
      `The file ${path} has another ${name}: expected ${wanted}, got ${found[algorithm]}`,
      {
        hint: 'Fetch or copy it again',
      },
    )
  }
}
