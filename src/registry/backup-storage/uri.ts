import { VdcError } from '../../core/errors.ts'

/*
 * Characters allowed in base_uri and object_key. The agents join both unchanged,
 * parse the result with a strict URI parser, and use the path without decoding it
 * (dcmgr.md, "Where an image's bytes are").
 */

/** RFC 3986, section 3.3: pchar without percent-encoding, and the slash. */
const PATH_CHARACTER = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/]$/
/** A scheme and its colon (section 3.1). */
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/

/**
 * Refuses an object key that the agents could not find.
 *
 * @throws VdcError VALUE_REFUSED if the key contains a character that a URI must escape; names the first one.
 */
export function requireUriKey(objectKey: string): void {
  requireCharacters('object_key', objectKey)
}

/**
 * Refuses a base URI that the agents could not parse.
 *
 * @param storageType the URI of a `local` storage must begin with `file:///`.
 * @throws VdcError VALUE_REFUSED if the URI is not valid.
 */
export function requireBaseUri(baseUri: string, storageType: string): void {
  const scheme = SCHEME.exec(baseUri)?.[0].toLowerCase()
  if (scheme === undefined || (storageType === 'local' && !/^file:\/\/\//i.test(baseUri))) {
    throw new VdcError(
      'VALUE_REFUSED',
      `base_uri must be ${storageType === 'local' ? 'the URI of a folder' : 'a URI'}, not '${baseUri}'`,
      { hint: 'For example: file:///var/lib/wakame-vdc/images/ (with a slash at the end)' },
    )
  }
  // IPv6 addresses are in brackets (section 3.2.2).
  requireCharacters(
    'base_uri',
    scheme === 'file:' ? baseUri : baseUri.replace(/^([^:]*:\/\/[^/]*)\[[0-9a-fA-F:.]+\]/, '$1'),
  )
}

function requireCharacters(column: string, text: string): void {
  const bad = firstBadCharacter(text)
  if (bad === undefined) return
  throw new VdcError(
    'VALUE_REFUSED',
    `${column} contains ${nameOfCharacter(bad)}, which a URI must escape: the image could never boot`,
    { hint: "Use only letters, digits and -._~!$&'()*+,;=:@/" },
  )
}

/** Returns the name of a character for messages, such as `the character '%'` or `a space`. */
export function nameOfCharacter(character: string): string {
  if (character === ' ') return 'a space'
  const code = (character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')
  return /^[\x21-\x7e]$/.test(character) ? `the character '${character}'` : `the character U+${code}`
}

/** Returns the first character of a path that a URI must escape; undefined if there is none. */
export function firstBadCharacter(path: string): string | undefined {
  return [...path].find((character) => !PATH_CHARACTER.test(character))
}
