import { VdcError } from '../../core/errors.ts'
import type { Queryable } from '../../db/database.ts'
import type { Life } from '../../db/lists/selection.ts'
import { selectIdsWithHistory } from '../../db/tables/histories.ts'
import { type NamedTable, selectUuidsNamed } from '../../db/tables/uuids.ts'
import { canonicalId, isUuid, type Kind, parseId, prefixOf } from '../rules/identifiers.ts'
import { nameAmbiguous, neitherIdNorName, withWayOut } from './name-errors.ts'

/*
 * Display names in place of IDs (docs/decisions/0029). An ID counts first, so names are looked up only
 * for words that cannot be IDs, or whose ID does not exist.
 */

/** The tables of things with display names. Accounts have none. */
export const NAMED_TABLES = {
  image: 'images',
  backupObject: 'backup_objects',
  backupStorage: 'backup_storages',
} as const satisfies Partial<Record<Kind, NamedTable>>
const NOT_FOUND: Readonly<Record<Kind, string>> = {
  account: 'ACCOUNT_NOT_FOUND',
  image: 'IMAGE_NOT_FOUND',
  backupObject: 'OBJECT_NOT_FOUND',
  backupStorage: 'STORAGE_NOT_FOUND',
}

/** Returns true if an error says that a thing of this kind does not exist. */
export function isNotFound(kind: Kind, error: unknown): error is VdcError {
  return error instanceof VdcError && error.code === NOT_FOUND[kind]
}

/** The words that a user gives for things of one kind: IDs, or display names. */
export class Names {
  readonly #kind: Kind
  readonly #life: Life
  readonly #words: readonly string[]
  /** The uuids with each name, oldest first; undefined before they are looked up. */
  #byName: Map<string, string[]> | undefined
  /** The words that could be IDs, but stand for names. */
  readonly #names = new Set<string>()
  /** The words given to `find`. */
  readonly #asked = new Set<string>()

  /**
   * @param words all words, whose names are looked up together.
   * @param life whether the names of existing or of deleted things count.
   */
  constructor(kind: Kind, words: readonly string[], life: Life = 'alive') {
    this.#kind = kind
    this.#life = life
    this.#words = words
  }

  /**
   * Returns the uuid that a word stands for, without prefix. It need not exist.
   *
   * @throws VdcError VALUE_REFUSED if the word cannot be an ID, and nothing has this name;
   *   NAME_AMBIGUOUS if several things have it.
   */
  async uuidOf(db: Queryable, word: string): Promise<string> {
    const isName = this.#names.has(word) || (!mayBeId(this.#kind, word) && this.#mayBeName(word))
    if (!isName) return parseId(this.#kind, word)
    const uuids = (await this.#lookUp(db)).get(word) ?? []
    if (uuids.length > 1) throw await nameAmbiguous(db, this.#scope(word), uuids)
    if (uuids[0] === undefined) throw await neitherIdNorName(db, this.#scope(word))
    return uuids[0]
  }

  /** Returns true if a word whose ID does not exist may be a name, and was not given to `find` yet. */
  isOpen(word: string): boolean {
    return this.#mayBeName(word) && !this.#asked.has(word)
  }

  /**
   * Looks up the names of words whose IDs do not exist. From now on, `uuidOf` takes those that are found
   * for names. IDs of purged images stay IDs.
   *
   * @returns true if any was found.
   */
  async find(db: Queryable, words: readonly string[]): Promise<boolean> {
    const candidates = words.filter((word) => this.isOpen(word))
    if (candidates.length === 0) return false
    for (const word of candidates) this.#asked.add(word)
    const byName = await this.#lookUp(db)
    const found = candidates.filter((word) => byName.has(word))
    const idOf = (word: string) => canonicalId(this.#kind, word)
    const purged = this.#kind === 'image' ? await selectIdsWithHistory(db, found.map(idOf)) : []
    const names = found.filter((word) => !purged.includes(idOf(word)))
    for (const word of names) this.#names.add(word)
    return names.length > 0
  }

  /** Returns those of the words that are names, whether or not they are IDs too. */
  async namesAmongThem(db: Queryable): Promise<Set<string>> {
    return new Set((await this.#lookUp(db)).keys())
  }

  /** Adds to the error of an ID that does not exist what may have been meant. */
  async explained(db: Queryable, word: string, error: VdcError): Promise<VdcError> {
    if (!this.#mayBeName(word) || this.#names.has(word)) return error
    return withWayOut(db, this.#scope(word), error)
  }

  get #table(): NamedTable | undefined {
    return this.#kind === 'account' ? undefined : NAMED_TABLES[this.#kind]
  }

  #scope(word: string) {
    return {
      kind: this.#kind,
      table: this.#table as NamedTable,
      life: this.#life,
      word,
      isOnly: this.#words.length === 1,
    }
  }

  /**
   * A word with a prefix is an ID, even if something has this name: names are given by others. An ID of
   * another kind was given by mistake.
   */
  #mayBeName(word: string): boolean {
    return this.#table !== undefined && word !== '' && !isPrefixed(word)
  }

  async #lookUp(db: Queryable): Promise<ReadonlyMap<string, readonly string[]>> {
    if (this.#byName !== undefined) return this.#byName
    const names = [...new Set(this.#words.filter((word) => this.#mayBeName(word)))]
    const byName = new Map<string, string[]>()
    for (const { uuid, name } of await selectUuidsNamed(db, this.#table as NamedTable, this.#life, names)) {
      const same = byName.get(name)
      if (same === undefined) byName.set(name, [uuid])
      else same.push(uuid)
    }
    this.#byName = byName
    return byName
  }
}

/** Returns true for an ID with the prefix of something that has names. Of accounts, `a-team` may be a name. */
export function isPrefixed(word: string): boolean {
  const prefixes = Object.keys(NAMED_TABLES).map((kind) => prefixOf(kind as Kind))
  return prefixes.some((prefix) => word.startsWith(prefix) && isUuid(word.slice(prefix.length)))
}

function mayBeId(kind: Kind, word: string): boolean {
  const prefix = prefixOf(kind)
  return isUuid(word.startsWith(prefix) ? word.slice(prefix.length) : word)
}
