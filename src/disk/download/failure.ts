import { VdcError } from '../../core/errors.ts'
import { systemError } from '../../core/system-error.ts'
import { shownAddress } from './address.ts'

/** A failure of the connection or the server. */
export class DownloadFailure extends Error {
  /** Whether another attempt may succeed. */
  readonly isTransient: boolean
  readonly hint: string | undefined

  /** @param message the reason, to follow a colon. */
  constructor(message: string, options: { isTransient: boolean; hint?: string; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.isTransient = options.isTransient
    this.hint = options.hint
  }
}

/** Codes of Node and OpenSSL for certificates and encryption. */
const TLS = /^(?:ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH$|INVALID_CA$)/
const WORDS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate is for another host name",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is from an unknown authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the server's certificate is from an unknown authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate is from an unknown authority",
}
const CA_HINT = 'Give the certificate of its authority with --ca-file, or name the host as its certificate does'
const PROXY_HINT = 'This program connects directly: proxies in environment variables are not used'

/** Returns the failure for an error of Node while a connection was made or used. */
export function asFailure(error: unknown): Error {
  if (error instanceof DownloadFailure || error instanceof VdcError) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  if (TLS.test(code)) {
    const why = WORDS[code] ?? `the encrypted connection failed (${code})`
    return new DownloadFailure(why, { isTransient: false, hint: CA_HINT, cause: error })
  }
  if (code.startsWith('HPE_'))
    return new DownloadFailure(`the server does not speak HTTP (${code})`, { isTransient: false, cause: error })
  if (code === 'ECONNRESET') return new DownloadFailure('the connection was cut', { isTransient: true, cause: error })
  const why = code === '' ? message : systemError(code)
  const hasProxy = Object.keys(process.env).some((name) => /^(?:https?|all)_proxy$/i.test(name))
  return new DownloadFailure(why, { isTransient: true, cause: error, ...(hasProxy && { hint: PROXY_HINT }) })
}

/** Returns the failure that an HTTP status means: 408, 425, 429 and 5xx may pass. */
export function failureOfStatus(status: number): DownloadFailure {
  const isTransient = [408, 425, 429].includes(status) || status >= 500
  const known: Readonly<Record<number, string>> = {
    401: 'the server requires a user name and password (HTTP 401)',
    403: 'the server denies access (HTTP 403)',
    404: 'the server does not have it (HTTP 404)',
    410: 'the server no longer has it (HTTP 410)',
  }
  const why = known[status] ?? `the server answered with HTTP ${status}`
  return new DownloadFailure(why, {
    isTransient,
    ...(status === 401 && { hint: 'Put them into the URL before the host, as USER:PASSWORD@' }),
  })
}

/** Returns the error to report for a failure that stays. */
export function notDownloaded(url: URL, failure: DownloadFailure, hint = failure.hint): VdcError {
  return new VdcError('DOWNLOAD_FAILED', `${shownAddress(url)} cannot be downloaded: ${failure.message}`, {
    hint,
    cause: failure,
  })
}
