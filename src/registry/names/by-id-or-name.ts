import type { Queryable } from '../../db/database.ts'
import type { Life } from '../../db/lists/selection.ts'
import { selectUuidsThere } from '../../db/tables/many-rows.ts'
import type { Kind } from '../rules/identifiers.ts'
import { isNotFound, NAMED_TABLES, Names } from './names.ts'

/**
 * Does work on a thing that is given by ID or, if there is no such ID, by its display name.
 *
 * @param word an ID, with or without prefix, or a name.
 * @param work takes a uuid without prefix. It must have no effects before it finds the thing, and throw
 *   the NOT_FOUND error of its kind if it does not exist.
 * @throws VdcError VALUE_REFUSED, NAME_AMBIGUOUS; errors of `work`.
 */
export async function byIdOrName<T>(
  db: Queryable,
  kind: Kind,
  word: string,
  work: (uuid: string) => Promise<T>,
): Promise<T> {
  const names = new Names(kind, [word])
  try {
    return await work(await names.uuidOf(db, word))
  } catch (error) {
    if (!isNotFound(kind, error)) throw error
    if (!(await names.find(db, [word]))) throw await names.explained(db, word, error)
    return work(await names.uuidOf(db, word))
  }
}

/**
 * Finds a thing that is given by ID or, if there is no such ID, by its display name.
 *
 * @param word an ID, with or without prefix, or a name.
 * @param find takes a uuid without prefix, and returns undefined if there is no such thing.
 * @returns what was found, and the uuid that the word stands for.
 * @throws VdcError VALUE_REFUSED, NAME_AMBIGUOUS; errors of `find`.
 */
export async function findByIdOrName<T>(
  db: Queryable,
  kind: Kind,
  word: string,
  find: (uuid: string) => Promise<T | undefined>,
): Promise<{ uuid: string; found: T | undefined }> {
  const names = new Names(kind, [word])
  const uuid = await names.uuidOf(db, word)
  const found = await find(uuid)
  if (found !== undefined || !(await names.find(db, [word]))) return { uuid, found }
  const named = await names.uuidOf(db, word)
  return { uuid: named, found: await find(named) }
}

/**
 * Returns the uuids of things that are given by ID or, if there is no such ID, by display name, in the
 * same order, without duplicates.
 *
 * @param life whether the names of existing or of deleted things count.
 * @throws VdcError VALUE_REFUSED, NAME_AMBIGUOUS.
 */
export async function uuidsByIdOrName(
  db: Queryable,
  kind: keyof typeof NAMED_TABLES,
  words: readonly string[],
  life: Life,
): Promise<string[]> {
  const names = new Names(kind, words, life)
  const uuids = new Map<string, string>()
  for (const word of words) uuids.set(word, await names.uuidOf(db, word))
  const there = new Set(await selectUuidsThere(db, NAMED_TABLES[kind], [...uuids.values()]))
  const missing = [...uuids].filter(([, uuid]) => !there.has(uuid)).map(([word]) => word)
  if (await names.find(db, missing)) for (const word of missing) uuids.set(word, await names.uuidOf(db, word))
  return [...new Set(uuids.values())]
}
