import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import { type Address, parseAddress } from '../../../disk/download/address.ts'
import { size } from '../register/expectations.ts'
import { type GivenChecksum, givenChecksum } from '../register/given-checksum.ts'

/** Bytes of the largest file that is downloaded by default. */
export const MAX_DOWNLOAD = '100G'
/** Seconds until a connection without data is given up, by default. */
export const DOWNLOAD_TIMEOUT = 30
/** Attempts after a failure, by default. With their pauses, they take about a minute. */
export const DOWNLOAD_RETRIES = 8

const whole = (least: number, most: number) =>
  z
    .int('must be a whole number')
    .check(z.minimum(least, `must be ${least} or more`), z.maximum(most, `must be ${most} or less`))

/** The part of a request that concerns the download. */
export const download = {
  url: z.string(),
  into: z.string().check(z.refine((text) => text !== '', 'must not be empty')),
  file_name: z.optional(z.string()),
  checksum: z.optional(givenChecksum),
  no_checksum: z.prefault(z.boolean(), false),
  ca_file: z.optional(z.string()),
  max_download: z.prefault(size, MAX_DOWNLOAD),
  timeout: z.prefault(whole(1, 3600), DOWNLOAD_TIMEOUT),
  retries: z.prefault(whole(0, 100), DOWNLOAD_RETRIES),
}

const schema = z.object(download)
/** A validated request for a download. */
export type DownloadRequest = z.output<typeof schema>

/** Names that need no quotes in a shell and no escapes in a URI, and are neither hidden nor options. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.,:=@+~-]{0,199}$/

/**
 * Returns where a file is downloaded from, the name in its URL, and the name that it gets.
 *
 * @throws VdcError VALUE_REFUSED.
 */
export function sourceOf({ url, file_name: given }: Pick<DownloadRequest, 'url' | 'file_name'>): {
  address: Address
  remoteName: string
  name: string
} {
  const address = parseAddress(
    url,
    'The argument',
    'To register a file of this host, use: vdc-manage image add local PATH',
  )
  const remoteName = lastName(address.url)
  const chosen = given ?? remoteName
  if (NAME.test(chosen)) return { address, remoteName, name: chosen }
  const what = given === undefined ? 'The name in the URL' : 'The name'
  throw new VdcError('VALUE_REFUSED', `${what} cannot be used for an image file: '${chosen}'`, {
    hint: 'Choose a name of letters, digits and _.,:=@+~- with --file-name, not beginning with one of .,:=@+~-',
  })
}

/**
 * Requires what shows that a download is the right file.
 *
 * @throws VdcError VALUE_REFUSED.
 */
export function requireProof({ url: { protocol } }: Address, { checksum, no_checksum }: DownloadRequest): void {
  if (checksum !== undefined) {
    requireEncrypted(checksum)
    return
  }
  if (protocol === 'http:')
    throw new VdcError(
      'VALUE_REFUSED',
      'A download over http:// needs a checksum, because it can be altered on its way',
      {
        hint: 'Give --checksum sha256:HEX, or the https:// URL of a checksum file, or use https://',
      },
    )
  if (no_checksum) return
  throw new VdcError('VALUE_REFUSED', 'No checksum was given for the download', {
    hint: 'Give --checksum sha256:HEX, or the URL or path of a file such as SHA256SUMS; or --no-checksum to trust the server',
  })
}

/** @throws VdcError VALUE_REFUSED. */
function requireEncrypted(checksum: GivenChecksum): void {
  if (!('source' in checksum) || !/^http:/i.test(checksum.source)) return
  throw new VdcError(
    'VALUE_REFUSED',
    'A checksum file must not be downloaded over http://, because it can be altered',
    {
      hint: 'Use https://, or give the checksum itself: --checksum sha256:HEX',
    },
  )
}

function lastName({ pathname }: URL): string {
  const segment = pathname.split('/').at(-1) ?? ''
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
