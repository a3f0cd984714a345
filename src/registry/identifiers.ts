import { createHash } from 'node:crypto'
import { customAlphabet } from 'nanoid'
import { VdcError } from '../errors.ts'

/** The kinds of things with ids, their prefixes and their names for people (dcmgr.md, "Identifiers"). */
const KINDS = {
  account: { prefix: 'a-', article: 'an account' },
  image: { prefix: 'wmi-', article: 'an image' },
  backupObject: { prefix: 'bo-', article: 'a backup object' },
  backupStorage: { prefix: 'bkst-', article: 'a backup storage' },
} as const

/** A kind of thing that has an id. */
export type Kind = keyof typeof KINDS

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'
const LENGTH = 8
/** `histories.uuid` holds the canonical form in 255 characters. */
const MAX_CANONICAL = 255

/** Makes an uuid, without prefix: 8 characters of a-z0-9. It may be taken: 36^8 are few. */
export type UuidGenerator = () => string

export const generateUuid: UuidGenerator = customAlphabet(ALPHABET, LENGTH)

/**
 * Makes an uuid, without prefix, that is the same for the same `seed` and
 * `attempt`: two processes that make the same thing collide instead of making
 * it twice. Attempt 0 first; the next where that is taken by another thing.
 */
export function derivedUuid(seed: string, attempt: number): string {
  const digest = createHash('sha256').update(`${attempt}\n${seed}`).digest()
  let number = digest.readBigUInt64BE()
  let uuid = ''
  for (let i = 0; i < LENGTH; i++) {
    uuid += ALPHABET[Number(number % 36n)]
    number /= 36n
  }
  return uuid
}

/** The canonical form of an id: its prefix and the uuid. */
export function canonicalId(kind: Kind, uuid: string): string {
  return KINDS[kind].prefix + uuid
}

/**
 * Reads an id as people type it, with or without its prefix.
 *
 * @returns the uuid without prefix, as the tables hold it.
 * @throws VdcError VALUE_REFUSED for a wrong prefix, another character than
 *   letters, digits and `_`, or more than 255 characters with the prefix.
 */
export function parseId(kind: Kind, text: string): string {
  const { prefix, article } = KINDS[kind]
  const uuid = text.startsWith(prefix) ? text.slice(prefix.length) : text
  if (!/^[A-Za-z0-9_]+$/.test(uuid)) {
    throw new VdcError('VALUE_REFUSED', `'${text}' is not the id of ${article}`, {
      hint: `It must be ${prefix} and letters, digits or _, such as ${prefix}k3x9q0bz`,
    })
  }
  if (prefix.length + uuid.length > MAX_CANONICAL) {
    throw new VdcError(
      'VALUE_REFUSED',
      `The id '${text.slice(0, 24)}…' is too long: ${prefix.length + uuid.length} characters, ${MAX_CANONICAL} at most`,
    )
  }
  return uuid
}
