import { VdcError } from '../../core/errors.ts'

/*
 * What base_uri and object_key may hold. The agents join both as they stand,
 * parse that with a strict URI parser, and take the path without decoding it
 * (dcmgr.md, "Where an image's bytes are").
 */

/** RFC 3986, section 3.3: pchar without percent-encoding, and the slash. */
const PATH_CHARACTER = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/]$/
/** A scheme and its colon (section 3.1). */
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/

/**
 * Refuses an object key that no agent would find.
 *
 * @throws VdcError VALUE_REFUSED that names the first character that a URI can't hold.
 */
export function requireUriKey(objectKey: string): void {
  requireCharacters('object_key', objectKey)
}

/**
 * Refuses a base URI that no agent could parse.
 *
 * @param storageType a local storage is a folder of the host: its URI is `file:///…`.
 * @throws VdcError VALUE_REFUSED that says what is wrong.
 */
export function requireBaseUri(baseUri: string, storageType: string): void {
  const scheme = SCHEME.exec(baseUri)?.[0].toLowerCase()
  if (scheme === undefined || (storageType === 'local' && !/^file:\/\/\//i.test(baseUri))) {
    throw new VdcError(
      'VALUE_REFUSED',
      `base_uri must be ${storageType === 'local' ? 'the URI of a folder' : 'a URI'}, not '${baseUri}'`,
      { hint: 'Such as file:///var/lib/wakame-vdc/images/, with its slash at the end' },
    )
  }
  // An IPv6 address stands in brackets (section 3.2.2).
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
    `${column} holds ${nameOfCharacter(bad)}, which a URI must escape: the image would register and never boot`,
    { hint: "Letters, digits and -._~!$&'()*+,;=:@/ can be read" },
  )
}

/** A character for people, such as `the character '%'` or `a blank`. */
export function nameOfCharacter(character: string): string {
  if (character === ' ') return 'a blank'
  const code = (character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')
  return /^[\x21-\x7e]$/.test(character) ? `the character '${character}'` : `the character U+${code}`
}

/** The first character of a path that a URI can't hold as it stands. */
export function firstBadCharacter(path: string): string | undefined {
  return [...path].find((character) => !PATH_CHARACTER.test(character))
}
