import * as z from 'zod/mini'
import type { Checksums } from '../disk/checksums.ts'

const CHECKSUM = /^(?:(?:md5:)?([0-9a-f]{32})|(?:sha256:)?([0-9a-f]{64}))$/i

/** A checksum as people hand it on: `sha256:HEX` or `md5:HEX`; by its length without the name too. */
export const checksum = z.pipe(
  z
    .string()
    .check(z.refine((text) => CHECKSUM.test(text), 'must be sha256: with 64 hexadecimal digits, or md5: with 32')),
  z.transform((text): Partial<Checksums> => {
    const [, md5, sha256] = CHECKSUM.exec(text) ?? []
    return md5 === undefined ? { sha256: (sha256 ?? '').toLowerCase() } : { md5: md5.toLowerCase() }
  }),
)
