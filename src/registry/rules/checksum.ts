import * as z from 'zod/mini'
import type { Checksums } from '../../disk/hash/hashed.ts'

/** An MD5 checksum of 32 hexadecimal digits. Returns lower case, which the agents compare. */
export const md5 = z.pipe(
  z
    .string()
    .check(z.refine((value) => /^[0-9a-fA-F]{32}$/.test(value), 'must be an MD5 checksum: 32 hexadecimal digits')),
  z.transform((value) => value.toLowerCase()),
)

const CHECKSUM = /^(?:(?:md5:)?([0-9a-f]{32})|(?:sha256:)?([0-9a-f]{64}))$/i

/** A checksum, `sha256:HEX` or `md5:HEX`. Without a prefix, the length decides. Returns lower case. */
export const checksum = z.pipe(
  z
    .string()
    .check(z.refine((text) => CHECKSUM.test(text), 'must be sha256: and 64 hexadecimal digits, or md5: and 32')),
  z.transform((text): Partial<Checksums> => {
    const [, md5, sha256] = CHECKSUM.exec(text) ?? []
    return md5 === undefined ? { sha256: (sha256 ?? '').toLowerCase() } : { md5: md5.toLowerCase() }
  }),
)
