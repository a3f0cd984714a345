import { VdcError } from '../../core/errors.ts'

/** An http or https URL without credentials or fragment, and its credentials. */
export interface Address {
  url: URL
  /** The Authorization header for the origin of the URL; undefined without credentials. */
  authorization: string | undefined
}

const PROTOCOLS = ['http:', 'https:']

/**
 * Parses a URL of a user. Errors don't repeat the text, because it may contain a password.
 *
 * @param what names the text in errors.
 * @param hint what to do if it is not a URL.
 * @throws VdcError VALUE_REFUSED.
 */
export function parseAddress(text: string, what: string, hint?: string): Address {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !PROTOCOLS.includes(url.protocol))
    throw new VdcError('VALUE_REFUSED', `${what} must be a URL that begins with https:// or http://`, { hint })
  const credentials = [url.username, url.password].map((each) => decoded(each, what)).join(':')
  const authorization = credentials === ':' ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`
  return { url: bare(url), authorization }
}

/** Returns a URL for people: without credentials, and without its query, which may contain some. */
export function shownAddress({ origin, pathname, search }: URL): string {
  return `${origin}${pathname}${search === '' ? '' : '?…'}`
}

/**
 * Returns the URL to which a response redirects. Credentials in it are dropped.
 *
 * @throws VdcError FILE_REFUSED if it is not a URL that may be followed.
 */
export function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  const refused = (where: string) =>
    new VdcError('FILE_REFUSED', `${shownAddress(from)} redirects to ${where}, which is not followed`)
  if (to === undefined || !PROTOCOLS.includes(to.protocol)) throw refused('something that is not an http or https URL')
  if (from.protocol === 'https:' && to.protocol === 'http:') throw refused(`an unencrypted URL, ${shownAddress(to)}`)
  return bare(to)
}

function bare(url: URL): URL {
  const copy = new URL(url)
  Object.assign(copy, { username: '', password: '', hash: '' })
  return copy
}

function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new VdcError('VALUE_REFUSED', `${what} has a user name or password that is not percent-encoded correctly`, {
      cause,
    })
  }
}
