import { createHash } from 'node:crypto'
import { customAlphabet } from 'nanoid'
import { VdcError } from '../../core/errors.ts'

/** The kinds of things with IDs, with their prefixes and display names (dcmgr.md, "Identifiers"). */
const KINDS = {
  account: { prefix: 'a-', name: 'account' },
  image: { prefix: 'wmi-', name: 'image' },
  backupObject: { prefix: 'bo-', name: 'backup object' },
  backupStorage: { prefix: 'bkst-', name: 'backup storage' },
} as const

/** A kind of thing that has an ID. */
export type Kind = keyof typeof KINDS

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'
const LENGTH = 8
/** Characters in `histories.uuid`, which stores the ID with its prefix. */
const MAX_CANONICAL = 255

/** Returns a new UUID without prefix. It may already be in use, as there are only 36^8. */
export type UuidGenerator = () => string

/** Returns a random UUID without prefix: 8 characters of a-z and 0-9. */
export const generateUuid: UuidGenerator = customAlphabet(ALPHABET, LENGTH)

/**
 * Derives a UUID without prefix from `seed` and `attempt`. Two processes that create
 * the same thing get the same UUID, so one of them fails instead of creating it twice.
 * Start with attempt 0; use the next if the UUID belongs to another thing.
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

/** Returns the prefix of the IDs of a kind, such as `wmi-`. */
export function prefixOf(kind: Kind): string {
  return KINDS[kind].prefix
}

/** Returns what a thing of a kind is called, such as `backup object`. */
export function nounOf(kind: Kind): string {
  return KINDS[kind].name
}

/** Returns the topic of the commands for a kind, such as `backupobject`. */
export function topicOf(kind: Kind): string {
  return KINDS[kind].name.replace(' ', '')
}

/** Returns the canonical ID: the prefix of its kind and the UUID. */
export function canonicalId(kind: Kind, uuid: string): string {
  return KINDS[kind].prefix + uuid
}

/** Returns the UUIDs of the IDs that have the prefix of a kind; other IDs are dropped. */
export function uuidsIn(kind: Kind, ids: Iterable<string>): string[] {
  const { prefix } = KINDS[kind]
  return [...ids].filter((id) => id.startsWith(prefix)).map((id) => id.slice(prefix.length))
}

/** Returns whether a text has the form of a UUID: ASCII letters, digits and `_`. */
export function isUuid(text: string): boolean {
  return /^[A-Za-z0-9_]+$/.test(text)
}

/**
 * Parses an ID given by a user, with or without its prefix.
 *
 * @returns the UUID without prefix, as stored in the tables.
 * @throws VdcError VALUE_REFUSED if the prefix is wrong, if a character is not a
 *   letter, digit or `_`, or if the ID with its prefix exceeds 255 characters.
 */
export function parseId(kind: Kind, text: string): string {
  const { prefix, name } = KINDS[kind]
  const uuid = text.startsWith(prefix) ? text.slice(prefix.length) : text
  if (!isUuid(uuid)) {
    throw new VdcError('VALUE_REFUSED', `'${text}' is not a valid ${name} ID`, {
      hint: `Use ${prefix} followed by letters, digits or _, for example ${prefix}k3x9q0bz`,
    })
  }
  if (prefix.length + uuid.length > MAX_CANONICAL) {
    throw new VdcError(
      'VALUE_REFUSED',
      `The ID '${text.slice(0, 24)}…' is too long: ${prefix.length + uuid.length} characters, at most ${MAX_CANONICAL} are allowed`,
    )
  }
  return uuid
}

/** Most IDs that a message names. */
const NAMED = 10

/** Lists the first ten canonical IDs for a message, with `…` if there are more. */
export function idList(kind: Kind, uuids: readonly string[]): string {
  const ids = uuids.slice(0, NAMED).map((uuid) => canonicalId(kind, uuid))
  return `${ids.join(', ')}${uuids.length > NAMED ? ', …' : ''}`
}

/** How many IDs to query for `idList`: one more than it names, to find out whether there are more. */
export const ENOUGH_IDS = NAMED + 1

/**
 * Parses the ID requested for a new thing and checks that it is free.
 *
 * @param given with or without its prefix; undefined if the ID is to be generated.
 * @param isTaken returns whether a row, deleted or not, has a UUID.
 * @returns the UUID without prefix, or undefined if none was requested.
 * @throws VdcError VALUE_REFUSED if the ID is not valid; ID_TAKEN if it is or was in use.
 */
export async function requireFreeUuid(
  kind: Kind,
  given: string | undefined,
  isTaken: (uuid: string) => Promise<boolean>,
): Promise<string | undefined> {
  if (given === undefined) return undefined
  const uuid = parseId(kind, given)
  const { name } = KINDS[kind]
  if (await isTaken(uuid)) {
    throw new VdcError('ID_TAKEN', `The ${name} ID ${canonicalId(kind, uuid)} is already taken`, {
      hint: `IDs are never reused, even after the ${name} is deleted. Omit --uuid to get a new ID`,
    })
  }
  return uuid
}

/**
 * Refuses to change the ID of a thing, because rows in many tables refer to it.
 *
 * @param given the new ID, with or without prefix; undefined if none is given.
 * @throws VdcError VALUE_REFUSED if `given` is not valid or differs from `uuid`.
 */
export function requireSameUuid(kind: Kind, uuid: string, given: string | undefined): void {
  if (given === undefined || parseId(kind, given) === uuid) return
  throw new VdcError('VALUE_REFUSED', `The ID of ${canonicalId(kind, uuid)} cannot be changed to ${given}`, {
    hint: 'Omit --uuid: instances, images and the history refer to IDs',
  })
}
