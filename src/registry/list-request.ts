import * as z from 'zod/mini'
import { VdcError } from '../core/errors.ts'
import { wasMeant } from '../core/nearest.ts'
import type { Listing } from '../db/lists/listing.ts'
import type { OrderBy, Page } from '../db/lists/order.ts'
import { isValueInUse, type Life, type Selection } from '../db/lists/selection.ts'
import type { ChecksumChoice } from '../db/lists/with-label.ts'
import type { Registry } from './registry.ts'
import { checksum } from './rules/checksum.ts'
import { parseGlob } from './rules/glob.ts'
import { type Kind, parseId } from './rules/identifiers.ts'
import { parseBoundary } from './rules/times.ts'
import { validate } from './rules/validate.ts'
import { MD5_LABEL, SHA256_LABEL } from './rules/values.ts'

/** More than any table has rows, and a number that is exact. */
const LIMIT = /^[0-9]{1,15}$/

const DIRECTIONS = ['asc', 'desc']

/** What chooses from every list. */
export const choice = {
  /** Deleted ones too. */
  all: z.optional(z.boolean()),
  /** Only deleted ones. */
  deleted: z.optional(z.boolean()),
  /** Only what was made at this time or later (`parseBoundary`). */
  created_after: z.optional(z.string()),
  /** Only what was made before this time. */
  created_before: z.optional(z.string()),
}

/** How every list is ordered, and which part of it is wanted. */
const page = z.object({
  /** `key` or `key:desc`, several with commas between. */
  sort: z.optional(z.string()),
  limit: z.optional(
    z.pipe(
      z.string().check(z.refine((text) => LIMIT.test(text) && Number(text) > 0, 'must be a whole number, 1 or more')),
      z.transform(Number),
    ),
  ),
  /** Go on behind the one with this id, which need not be in the list. */
  after: z.optional(z.string()),
})
/** The same, as it is asked for. */
export type PageRequest = z.input<typeof page>

/** Values of which one must be there. */
export const anyOf = z.optional(z.array(z.string()))

/** What `choice` says, for the database. */
export function selectionOf(request: z.output<z.ZodMiniObject<typeof choice>>): Selection<never> {
  const now = new Date()
  const boundary = (option: 'created_after' | 'created_before') => {
    const text = request[option]
    return text === undefined ? undefined : parseBoundary(option, text, now)
  }
  return {
    life: request.deleted ? 'deleted' : request.all ? 'all' : 'alive',
    createdFrom: boundary('created_after'),
    createdBefore: boundary('created_before'),
  }
}

/** Who asks for a state that deleting makes, asks for what is deleted. */
export function lifeOfStates(
  life: Life,
  states: readonly string[] | undefined,
  deletedStates: readonly string[],
): Life {
  return life === 'alive' && states?.some((state) => deletedStates.includes(state)) ? 'all' : life
}

/** A pattern for a text of a list; undefined where none is given. */
export function patternOf(option: string, pattern: string | undefined) {
  return pattern === undefined ? undefined : parseGlob(option, pattern)
}

/** A list that a request reads: its rows, and the one of them that an id names. */
export interface Listed<K extends string> {
  listing: Pick<Listing<never, never, K>, 'positionOf'>
  kind: Kind
  notFound: (uuid: string) => VdcError | Promise<VdcError>
  /** What it can be ordered by, by each name that is taken for it (`sortKeys`). */
  keys: ReadonlyMap<string, K>
}

/**
 * Reads in which order a list is wanted, and which part of it.
 *
 * @throws VdcError VALUE_REFUSED, and what `notFound` makes where `after` names nothing.
 */
export async function pageOf<K extends string>(
  registry: Registry,
  { listing, kind, notFound, keys }: Listed<K>,
  request: PageRequest,
): Promise<Page<K>> {
  const { sort, limit, after } = validate(page, request)
  const order = sort === undefined ? [] : sort.split(',').map((word) => parseKey(word, keys))
  if (after === undefined) return { order, limit }
  const uuid = parseId(kind, after)
  const position = await listing.positionOf(registry.database, order, uuid)
  if (position === undefined) throw await notFound(uuid)
  return { order, after: position, limit }
}

/** The names of what a list can be ordered by: those of the columns, and short ones for some. */
export function sortKeys<K extends string>(keys: readonly K[], short: Readonly<Record<string, K>>): Map<string, K> {
  return new Map([...Object.entries(short), ...keys.map((key): [string, K] => [key, key])])
}

function parseKey<K extends string>(word: string, keys: ReadonlyMap<string, K>): OrderBy<K> {
  const [, name = '', direction = 'asc'] = /^([^:]*)(?::(.*))?$/s.exec(word.trim()) ?? []
  const key = keys.get(name)
  if (key === undefined) {
    throw new VdcError('VALUE_REFUSED', `The list cannot be sorted by '${word}'`, {
      hint: `${wasMeant(name, [...keys.keys()])}Keys, with :asc or :desc and with commas between them: ${[...keys.keys()].join(', ')}`,
    })
  }
  if (!DIRECTIONS.includes(direction)) {
    throw new VdcError('VALUE_REFUSED', `The list cannot be sorted by '${word}'`, {
      hint: 'Behind a key stands :asc or :desc',
    })
  }
  return { key, descending: direction === 'desc' }
}

/**
 * Reads checksums of which one is wanted (`checksum`).
 *
 * @throws VdcError VALUE_REFUSED.
 */
export function checksumsOf(words: readonly string[] | undefined): ChecksumChoice | undefined {
  const checksums = words?.map((word) => validate(checksum, word, 'checksum'))
  return (
    checksums && {
      md5: checksums.flatMap(({ md5 }) => md5 ?? []),
      sha256: checksums.flatMap(({ sha256 }) => sha256 ?? []),
      sha256Label: SHA256_LABEL,
      md5Label: MD5_LABEL,
    }
  )
}

const NOUNS = { images: 'image', backup_objects: 'backup object', backup_storages: 'backup storage' } as const

/**
 * Refuses values that are neither known nor there: most likely they are
 * mistyped. What the Ruby programs once stored can be found all the same.
 *
 * @param given by their columns.
 * @throws VdcError VALUE_REFUSED.
 */
export async function requireKnown(
  registry: Registry,
  table: keyof typeof NOUNS,
  given: Readonly<Record<string, { values: readonly string[] | undefined; known: readonly string[] }>>,
): Promise<void> {
  for (const [column, { values, known }] of Object.entries(given)) {
    for (const value of values ?? []) {
      if (known.includes(value) || (await isValueInUse(registry.database, table, column, value))) continue
      throw new VdcError('VALUE_REFUSED', `${column} '${value}' is not known, and no ${NOUNS[table]} has it`, {
        hint: `${wasMeant(value, known)}Known are: ${known.join(', ')}`,
      })
    }
  }
}
