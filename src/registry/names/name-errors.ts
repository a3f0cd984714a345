import { VdcError } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import type { Queryable } from '../../db/database.ts'
import type { Life } from '../../db/lists/selection.ts'
import { isoTime } from '../../db/sql/time.ts'
import { selectRowsByUuid } from '../../db/tables/many-rows.ts'
import type { BackupObjectRow, BackupStorageRow, ImageRow } from '../../db/tables/rows.ts'
import { type NamedTable, selectNewestNames, selectUuidsNamed } from '../../db/tables/uuids.ts'
import { canonicalId, idList, type Kind, nounOf, prefixOf, topicOf, uuidsIn } from '../rules/identifiers.ts'

/** A name and where it is looked up. */
export interface NameScope {
  kind: Kind
  table: NamedTable
  life: Life
  /** The name. */
  word: string
  /** True if it is the only word that was given. Others get no suggestions, which take two queries each. */
  isOnly: boolean
}

/** The most things that an error about a name lists. */
const LISTED = 10
/** The number of names that are searched for a similar one. */
const COMPARED = 2000

/** Returns the NAME_AMBIGUOUS error for a name that several things have, with what tells them apart. */
export async function nameAmbiguous(
  db: Queryable,
  { kind, table, word }: NameScope,
  uuids: readonly string[],
): Promise<VdcError> {
  const rows = await selectRowsByUuid(db, table, uuids.slice(0, LISTED))
  const sizes = await sizesOf(db, table, rows)
  const details = rows.map((row) => `${canonicalId(kind, row.uuid)}: ${differences(row, sizes).join(', ')}`)
  const more = uuids.length > LISTED ? [`and ${uuids.length - LISTED} more`] : []
  return new VdcError('NAME_AMBIGUOUS', `${uuids.length} ${nounOf(kind)}s have the display name '${word}'`, {
    details: [...details, ...more],
    hint: 'Use the ID instead',
  })
}

type NamedRow = ImageRow | BackupObjectRow | BackupStorageRow

/** Returns the sizes of the disks of images, by the ID of their backup object. */
async function sizesOf(db: Queryable, table: NamedTable, rows: readonly NamedRow[]): Promise<Map<string, string>> {
  if (table !== 'images') return new Map()
  const ids = rows.flatMap((row) => ('backup_object_id' in row ? (row.backup_object_id ?? []) : []))
  const objects = await selectRowsByUuid(db, 'backup_objects', uuidsIn('backupObject', ids))
  return new Map(objects.map(({ uuid, size }) => [canonicalId('backupObject', uuid), `${size} bytes`]))
}

function differences(row: NamedRow, sizes: ReadonlyMap<string, string>): string[] {
  const created = row.created_at === null ? [] : [`created ${isoTime(row.created_at)}`]
  const deleted = row.deleted_at === null ? [] : [`deleted ${isoTime(row.deleted_at)}`]
  const times = [...created, ...deleted]
  if ('base_uri' in row) return [row.base_uri, ...times]
  const state = row.deleted_at === null ? [row.state] : []
  const owner = `owner ${row.account_id}`
  if (!('file_format' in row)) return [owner, ...state, `${row.size} bytes`, ...times]
  const size = sizes.get(row.backup_object_id ?? '')
  return [owner, ...state, row.arch, row.file_format, ...(size === undefined ? [] : [size]), ...times]
}

/** Returns the VALUE_REFUSED error for a word that cannot be an ID and is not the name of anything. */
export async function neitherIdNorName(db: Queryable, scope: NameScope): Promise<VdcError> {
  const { kind, word } = scope
  const noun = nounOf(kind)
  const article = /^[aeiou]/.test(noun) ? 'an' : 'a'
  const list = `vdc-manage ${topicOf(kind)} list${scope.life === 'alive' ? '' : ' --deleted'}`
  return new VdcError('VALUE_REFUSED', `'${word}' is neither the ID nor the display name of ${article} ${noun}`, {
    hint: `${await meant(db, scope)}An ID is ${prefixOf(kind)} followed by letters, digits or _; list IDs and names with: ${list}`,
  })
}

/** Adds to the hint of an error which things the word may have meant as a name. The message then names both. */
export async function withWayOut(db: Queryable, scope: NameScope, error: VdcError): Promise<VdcError> {
  const way = await meant(db, scope)
  if (way === '') return error
  const { kind, life, word } = scope
  const noun = `${life === 'deleted' ? 'deleted ' : ''}${nounOf(kind)}`
  const message = `No ${noun} has the ID ${canonicalId(kind, word)} or the name '${word}'`
  const hint = [way.trimEnd(), error.hint ?? ''].filter((part) => part !== '').join(' ')
  return new VdcError(error.code, message, { hint, details: error.details, cause: error })
}

/** Returns a sentence, with a space at the end, about the same name among deleted things, or a similar one; else an empty string. */
async function meant(db: Queryable, { kind, table, life, word, isOnly }: NameScope): Promise<string> {
  if (!isOnly || life === 'all') return ''
  const other = life === 'alive' ? 'deleted' : 'alive'
  const uuids = (await selectUuidsNamed(db, table, other, [word])).map(({ uuid }) => uuid)
  if (uuids.length > 0) {
    const what = other === 'deleted' ? 'Deleted, with this name' : 'Not deleted, with this name'
    return `${what}: ${idList(kind, uuids)}. `
  }
  const near = nearest(word.trim(), await selectNewestNames(db, table, life, COMPARED))
  return near === undefined || near === word ? '' : `Did you mean '${near}'? `
}
