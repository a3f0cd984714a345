import { createHash } from 'node:crypto'
import { customAlphabet } from 'nanoid'
import { VdcError } from '../../core/errors.ts'

/** The kinds of things with ids, their prefixes and their names for people (dcmgr.md, "Identifiers"). */
const KINDS = {
  account: { prefix: 'a-', name: 'account' },
  image: { prefix: 'wmi-', name: 'image' },
  backupObject: { prefix: 'bo-', name: 'backup object' },
  backupStorage: { prefix: 'bkst-', name: 'backup storage' },
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

/** What every id of a kind begins with. */
export function prefixOf(kind: Kind): string {
  return KINDS[kind].prefix
}

/** The canonical form of an id: its prefix and the uuid. */
export function canonicalId(kind: Kind, uuid: string): string {
  return KINDS[kind].prefix + uuid
}

/** The uuids of those of some ids that have the prefix of a kind. */
export function uuidsIn(kind: Kind, ids: Iterable<string>): string[] {
  const { prefix } = KINDS[kind]
  return [...ids].filter((id) => id.startsWith(prefix)).map((id) => id.slice(prefix.length))
}

/** Says whether a text is the uuid of something, so that a command takes it. */
export function isUuid(text: string): boolean {
  return /^[A-Za-z0-9_]+$/.test(text)
}

/**
 * Reads an id as people type it, with or without its prefix.
 *
 * @returns the uuid without prefix, as the tables hold it.
 * @throws VdcError VALUE_REFUSED for a wrong prefix, another character than
 *   letters, digits and `_`, or more than 255 characters with the prefix.
 */
export function parseId(kind: Kind, text: string): string {
  const { prefix, name } = KINDS[kind]
  const uuid = text.startsWith(prefix) ? text.slice(prefix.length) : text
  if (!isUuid(uuid)) {
    throw new VdcError('VALUE_REFUSED', `'${text}' is not the id of ${/^[ai]/.test(name) ? 'an' : 'a'} ${name}`, {
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

/** Ids that a message names at most. */
const NAMED = 10

/** Names things in a message: their canonical ids, the first ten of them. */
export function idList(kind: Kind, uuids: readonly string[]): string {
  const ids = uuids.slice(0, NAMED).map((uuid) => canonicalId(kind, uuid))
  return `${ids.join(', ')}${uuids.length > NAMED ? ', …' : ''}`
}

/** How many ids to look up for `idList`: one more than it names, so that it knows of more. */
export const ENOUGH_IDS = NAMED + 1

/**
 * Reads the id that a new thing is to have, and makes sure that it is free.
 *
 * @param given with or without its prefix; undefined where one is to be made.
 * @param isTaken says whether some row has a uuid, deleted or not.
 * @returns the uuid without prefix, or undefined where none was given.
 * @throws VdcError VALUE_REFUSED, ID_TAKEN.
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
    throw new VdcError('ID_TAKEN', `The ${name} id ${canonicalId(kind, uuid)} is taken`, {
      hint: `An id stays taken for ever, also when its ${name} was deleted; leave --uuid out to get a new one`,
    })
  }
  return uuid
}

/**
 * Refuses to give a thing another id: rows everywhere name it by the one it has.
 *
 * @param given the new id, with or without prefix; undefined where none is given.
 * @throws VdcError VALUE_REFUSED.
 */
export function requireSameUuid(kind: Kind, uuid: string, given: string | undefined): void {
  if (given === undefined || parseId(kind, given) === uuid) return
  throw new VdcError('VALUE_REFUSED', `The id of ${canonicalId(kind, uuid)} cannot be changed to ${given}`, {
    hint: 'Instances, images and the history name things by their ids: leave --uuid out',
  })
}
