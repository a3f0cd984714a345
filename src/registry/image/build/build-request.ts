import * as z from 'zod/mini'
import type { Conversion } from '../../../disk/make/convert-image.ts'
import { BUILD_INITS, type BuildOptions } from '../../../guest/build/build-options.ts'
import type { Watcher } from '../../registry.ts'
import { whole } from '../../rules/numbers.ts'
import { matching, oneOf } from '../../rules/texts.ts'
import { validate } from '../../rules/validate.ts'
import { PREPARED_FORMATS } from '../../rules/values.ts'
import { size } from '../register/expectations.ts'
import { readAuthorizedKeys, readScript } from './read-input.ts'

export { BUILD_INITS } from '../../../guest/build/build-options.ts'

/** Seconds that installing the packages may take by default. */
export const BUILD_TIMEOUT = 3600
const LONGEST_TIMEOUT = 86_400
/** The usual size of a disk. Instances grow it. */
export const BUILD_SIZE = '4G'
const GIB = 1024 ** 3
/** Bytes of the smallest disk for a guest, and of the largest that a partition table of a BIOS describes. */
const [SMALLEST, LARGEST] = [GIB / 2, 2048 * GIB - 1024 ** 2]
const WHOLE = 1024 ** 2

/** A name of a package, with a version or a suite as apt-get takes it. A `-` at the end of a name would remove the package. */
const packageName = matching(/^[a-z0-9][a-z0-9+.-]*(?<!-)(?:[=/][\w.+:~-]+)?$/, 'must be the name of a package')
const HOST_NAME = /^(?=.{1,64}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i
const buildRequest = z.object({
  out: z.string().check(z.refine((text) => text !== '', 'must not be empty')),
  suite: matching(/^[a-z][a-z0-9.-]{0,63}$/, 'must be the name of a release, such as bookworm'),
  mirror: z.optional(z.string().check(z.refine(isPlainUrl, 'must be an http or https URL without a password'))),
  kernel: z.optional(packageName),
  package: z.prefault(z.array(packageName), []),
  size: z.prefault(
    size.check(
      z.refine((bytes) => bytes >= SMALLEST && bytes <= LARGEST && bytes % WHOLE === 0, {
        error: 'must be whole MiB, from 512M to 2047G',
      }),
    ),
    BUILD_SIZE,
  ),
  init: z.prefault(oneOf(BUILD_INITS), 'script'),
  hostname: z.optional(matching(HOST_NAME, 'must be a host name')),
  authorized_key: z.optional(z.string()),
  script: z.optional(z.string()),
  // The last year that all programs write with four digits.
  timestamp: z.optional(whole(1, 253_370_764_800)),
  timeout: z.prefault(whole(1, LONGEST_TIMEOUT), BUILD_TIMEOUT),
  to: z.prefault(oneOf(PREPARED_FORMATS), 'qcow2'),
  compress: z.prefault(z.boolean(), false),
})

/** The part of a request of `buildImage` that is about the image, not its registration. */
export type BuildRequest = z.input<typeof buildRequest>

/** A validated request. */
export interface ValidBuild {
  out: string
  conversion: Conversion
  options: BuildOptions
}

/**
 * Validates a request, and reads the files that it names.
 *
 * @throws VdcError VALUE_REFUSED, FILE_REFUSED; the error of the cancellation.
 */
export async function validBuild(request: BuildRequest, { cancellation }: Watcher): Promise<ValidBuild> {
  const {
    out,
    to,
    compress,
    package: packages,
    hostname,
    authorized_key,
    script,
    ...valid
  } = validate(buildRequest, request)
  return {
    out,
    conversion: { to: to as Conversion['to'], compress },
    options: {
      ...valid,
      mirror: valid.mirror,
      kernel: valid.kernel,
      timestamp: valid.timestamp,
      init: valid.init as BuildOptions['init'],
      packages,
      hostName: hostname ?? valid.suite,
      authorizedKeys: authorized_key === undefined ? '' : await readAuthorizedKeys(authorized_key, cancellation),
      script: script === undefined ? undefined : await readScript(script, cancellation),
    },
  }
}

/** A password would stay in the image, in /etc/apt/sources.list. */
function isPlainUrl(text: string): boolean {
  if (!/^https?:\/\/[\x21-\x7e]+$/.test(text)) return false
  if (!URL.canParse(text)) return false
  const { username, password } = new URL(text)
  return username === '' && password === ''
}
