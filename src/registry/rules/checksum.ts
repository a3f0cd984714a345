import * as z from 'zod/mini'
import type { Checksums } from '../../disk/hash/hashed.ts'

/** MD5 in hex, as the agents compare it: in lower case. */
export const md5 = z.pipe(
  z
    .string()
    .check(z.refine((value) => /^[0-9a-fA-F]{32}$/.test(value), 'must be an MD5 in hex: 32 digits of 0-9 and a-f')),
  z.transform((value) => value.toLowerCase()),
)

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
