import * as z from 'zod/mini'
import { VdcError } from '../core/errors.ts'
import { wasMeant } from '../core/nearest.ts'
import type { Listing } from '../db/lists/listing.ts'
import type { OrderBy, Page } from '../db/lists/order.ts'
import { isValueInUse, type Life, type Selection } from '../db/lists/selection.ts'
import type { ChecksumChoice } from '../db/lists/with-label.ts'
import { byIdOrName } from './names/by-id-or-name.ts'
import type { Registry } from './registry.ts'
import { checksum } from './rules/checksum.ts'
import { parseGlob } from './rules/glob.ts'
import type { Kind } from './rules/identifiers.ts'
import { parseBoundary } from './rules/times.ts'
import { validate } from './rules/validate.ts'
import { MD5_LABEL, SHA256_LABEL } from './rules/values.ts'

/** Up to 15 digits: more than any table has rows, and exact as a number. */
const LIMIT = /^[0-9]{1,15}$/

const DIRECTIONS = ['asc', 'desc']

/** The filters that every list has. */
export const choice = {
  /** Include deleted rows. */
  all: z.optional(z.boolean()),
  /** Only deleted rows. */
  deleted: z.optional(z.boolean()),
  /** Only rows created at this time or later (`parseBoundary`). */
  created_after: z.optional(z.string()),
  /** Only rows created before this time (`parseBoundary`). */
  created_before: z.optional(z.string()),
}

/** The sorting and paging options that every list has. */
const page = z.object({
  /** Comma-separated list of `key`, `key:asc` or `key:desc`. */
  sort: z.optional(z.string()),
  limit: z.optional(
    z.pipe(
      z.string().check(z.refine((text) => LIMIT.test(text) && Number(text) > 0, 'must be a whole number, 1 or more')),
      z.transform(Number),
    ),
  ),
  /** Start after the row with this ID, which need not match the filters. */
  after: z.optional(z.string()),
})
/** Unvalidated sorting and paging options. */
export type PageRequest = z.input<typeof page>

/** A filter that matches rows with any one of these values. */
export const anyOf = z.optional(z.array(z.string()))

/**
 * Translates the filters in `choice` for the database.
 *
 * @throws VdcError VALUE_REFUSED if a time is not valid.
 */
export function selectionOf(request: z.output<z.ZodMiniObject<typeof choice>>): Selection<never> {
  const now = new Date()
  const boundary = (option: 'created_after' | 'created_before') => {
    const text = request[option]
    return text === undefined ? undefined : parseBoundary(option, text, now)
  }
  return {
    life: lifeOf(request),
    createdFrom: boundary('created_after'),
    createdBefore: boundary('created_before'),
  }
}

function lifeOf({ all, deleted }: { all?: boolean | undefined; deleted?: boolean | undefined }): Life {
  if (deleted) return 'deleted'
  return all ? 'all' : 'alive'
}

/** Returns `life`, widened to deleted rows if `states` includes a state that deletion sets. */
export function lifeOfStates(
  life: Life,
  states: readonly string[] | undefined,
  deletedStates: readonly string[],
): Life {
  return life === 'alive' && states?.some((state) => deletedStates.includes(state)) ? 'all' : life
}

/** Parses a glob pattern for a text column; returns undefined if there is none. */
export function patternOf(option: string, pattern: string | undefined) {
  return pattern === undefined ? undefined : parseGlob(option, pattern)
}

/** A list that can be sorted and paged. */
export interface Listed<K extends string> {
  listing: Pick<Listing<never, never, K>, 'positionOf'>
  kind: Kind
  /** Makes the error for an `after` that does not exist. */
  notFound: (uuid: string) => VdcError | Promise<VdcError>
  /** Sort keys by each of their names (`sortKeys`). */
  keys: ReadonlyMap<string, K>
}

/**
 * Validates the sorting and paging options of a list.
 *
 * @throws VdcError VALUE_REFUSED if an option is not valid; the error of `notFound` if
 *   `after` does not exist.
 */
export async function pageOf<K extends string>(
  registry: Registry,
  { listing, kind, notFound, keys }: Listed<K>,
  request: PageRequest,
): Promise<Page<K>> {
  const { sort, limit, after } = validate(page, request)
  const order = sort === undefined ? [] : sort.split(',').map((word) => parseKey(word, keys))
  if (after === undefined) return { order, limit }
  const position = await byIdOrName(registry.database.knex, kind, after, async (uuid) => {
    const found = await listing.positionOf(registry.database, order, uuid)
    if (found === undefined) throw await notFound(uuid)
    return found
  })
  return { order, after: position, limit }
}

/** Maps the names of sort keys, both column names and short names, to columns. */
export function sortKeys<K extends string>(keys: readonly K[], short: Readonly<Record<string, K>>): Map<string, K> {
  return new Map([...Object.entries(short), ...keys.map((key): [string, K] => [key, key])])
}

function parseKey<K extends string>(word: string, keys: ReadonlyMap<string, K>): OrderBy<K> {
  const [, name = '', direction = 'asc'] = /^([^:]*)(?::(.*))?$/s.exec(word.trim()) ?? []
  const key = keys.get(name)
  if (key === undefined) {
    throw new VdcError('VALUE_REFUSED', `Cannot sort the list by '${word}'`, {
      hint: `${wasMeant(name, [...keys.keys()])}Separate keys with commas, each with an optional :asc or :desc. Keys: ${[...keys.keys()].join(', ')}`,
    })
  }
  if (!DIRECTIONS.includes(direction)) {
    throw new VdcError('VALUE_REFUSED', `Cannot sort the list by '${word}'`, {
      hint: 'End a sort key with :asc or :desc, or with neither',
    })
  }
  return { key, descending: direction === 'desc' }
}

/**
 * Parses a filter that matches any one of the given checksums (`checksum`).
 *
 * @returns undefined if there are none.
 * @throws VdcError VALUE_REFUSED if a checksum is not valid.
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
 * Refuses filter values that are neither known nor stored, which are most likely typos.
 * Unknown values that the Ruby programs stored can still be listed.
 *
 * @param given the values and the known values, by column.
 * @throws VdcError VALUE_REFUSED if a value is neither known nor stored.
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
        hint: `${wasMeant(value, known)}Known values: ${known.join(', ')}`,
      })
    }
  }
}
