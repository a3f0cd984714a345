import { existsSync } from 'node:fs'
import { asVdcError } from '../../core/errors.ts'
import type { Registry } from '../registry.ts'
import { isIdNotFile } from '../rules/id-or-path.ts'
import { Names } from './names.ts'

/** Reads the registry, without creating it. Returns undefined if there is none. */
export type LookUp = <T>(work: (registry: Registry) => Promise<T>) => Promise<T | undefined>

/**
 * Returns which of some words, each the path of a file, an ID or the display name of an image, are
 * images. A name is looked up only if it has no `/`, and no file has that name. If the registry cannot
 * be read, it counts as the path of a file, for which no registry is needed.
 *
 * @throws VdcError INTERRUPTED, TERMINATED.
 */
export async function imagesAmong(words: readonly string[], lookUp: LookUp): Promise<Set<string>> {
  const ids = words.filter((word) => isIdNotFile('image', word))
  const mayBeNames = words.filter((word) => !ids.includes(word) && !word.includes('/') && !existsSync(word))
  const names = mayBeNames.length === 0 ? undefined : await namesAmong(mayBeNames, lookUp)
  return new Set([...ids, ...(names ?? [])])
}

async function namesAmong(words: readonly string[], lookUp: LookUp): Promise<Set<string> | undefined> {
  try {
    return await lookUp(({ database }) => new Names('image', words).namesAmongThem(database.knex))
  } catch (error) {
    if (['INTERRUPTED', 'TERMINATED'].includes(asVdcError(error).code)) throw error
    return undefined
  }
}
