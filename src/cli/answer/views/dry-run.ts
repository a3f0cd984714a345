import type { Change, ColumnValue, GuestChange, RowChange } from '../../../registry/change.ts'
import { BOOT_DEV_TYPES, PROTECTED_LABEL } from '../../../registry/rules/values.ts'
import { humanSize } from '../cells.ts'

/** The nouns of rows, by table. */
const NOUNS: Readonly<Record<string, string>> = {
  accounts: 'account',
  backup_objects: 'backup object',
  backup_storages: 'backup storage',
  images: 'image',
}
/** Columns that follow from other changes. */
const FOLLOWING: readonly string[] = ['updated_at', 'created_at', 'purged_at', 'status', 'progress']
/** The true features in the YAML of `images.features`, which the registry writes. */
const FEATURE = /^:?(\w+): true$/gm

type Row = RowChange['row']

/** Returns the sentences that say what a dry run would do, for people. History rows, and rows that follow from others, have none. */
export function sentencesOf(changes: readonly Change[]): string[] {
  const rows = changes.filter((change) => 'table' in change)
  const has = (actions: readonly string[]) =>
    new Set(rows.filter(({ action, table }) => actions.includes(action) && table in NOUNS).map(({ id }) => id))
  const created = new Map(
    rows.filter(({ action }) => action === 'insert').map(({ table, id, row }) => [`${table} ${id}`, row]),
  )
  const isNewOrGone = has(['insert', 'delete'])
  const sentences = changes.flatMap((change): string[] => {
    if (!('table' in change)) return [otherSentence(change)]
    if (change.table in NOUNS) return rowSentences(change, created)
    // The labels and tags of a row come and go with it.
    return isNewOrGone.has(change.id) ? [] : attachedSentence(change)
  })
  const freed = changes
    .map((change) => (change.action === 'remove' && 'bytes' in change ? (change.bytes ?? 0) : 0))
    .reduce((sum, each) => sum + each, 0)
  return freed === 0 ? sentences : [...sentences, `Would free ${humanSize(freed)}`]
}

function otherSentence(change: Exclude<Change, RowChange>): string {
  if ('check' in change) return guestSentence(change)
  if (change.action === 'migrate') return `Would run the migration ${change.id}`
  if (change.action === 'create') return `Would create the file ${change.path} (${change.file_format})`
  if (change.action === 'download') {
    const from = change.what.slice(0, change.what.lastIndexOf(', '))
    const size = change.bytes === undefined ? 'size unknown' : humanSize(change.bytes)
    return `Would download ${from} (${size}) to ${change.path}, and register it`
  }
  return `Would remove the file ${change.path}${change.bytes === undefined ? '' : ` (${humanSize(change.bytes)})`}`
}

function guestSentence({ action, path, check, what }: GuestChange): string {
  return `Would ${action} ${path} in the guest${what === null ? '' : `: ${what}`} (${check})`
}

/** @param created the rows that would be inserted, by table and ID. */
function rowSentences({ action, table, id, row, old }: RowChange, created: ReadonlyMap<string, Row>): string[] {
  if (action === 'insert') return newSentences(table, id, row, created)
  // The name that people know it by: the one before the change.
  const known = old !== null && 'display_name' in old ? old.display_name : row.display_name
  const thing = `${NOUNS[table]} ${id}${known ? ` (${known})` : ''}`
  if (action === 'delete') return [`Would remove ${thing} for good`]
  if (old === null) return []
  // The removal of its file is a change of its own.
  if ('purged_at' in old && row.purged_at !== null) return []
  if ('deleted_at' in old) return [row.deleted_at === null ? restored(thing, row) : deleted(table, thing, row)]
  const columns = Object.keys(old).filter((column) => !FOLLOWING.includes(column))
  return columns.map((column) => changeSentence(table, thing, column, row[column] ?? null))
}

function restored(thing: string, { state }: Row): string {
  return `Would restore ${thing}${state ? `, state ${state}` : ''}`
}

function deleted(table: string, thing: string, { allocation_size: bytes }: Row): string {
  const file = table === 'backup_objects' && bytes != null ? `; its file (${humanSize(BigInt(bytes))}) stays` : ''
  return `Would delete ${thing}${file}`
}

function newSentences(table: string, id: string, row: Row, created: ReadonlyMap<string, Row>): string[] {
  switch (table) {
    case 'images': {
      const objectId = row.backup_object_id
      const key = created.get(`backup_objects ${objectId}`)?.object_key
      const file = key ?? (objectId ? `backup object ${objectId}` : 'an image without a backup object')
      return [`Would register ${file} as a new image owned by ${row.account_id} (${row.display_name})`]
    }
    case 'backup_objects': {
      const isOfImage = [...created].some(([key, { backup_object_id: of }]) => key.startsWith('images ') && of === id)
      return isOfImage ? [] : [`Would register ${row.object_key} as a new backup object owned by ${row.account_id}`]
    }
    case 'backup_storages':
      return [`Would create a backup storage for ${row.base_uri}`]
    default:
      return [`Would create account ${id}`]
  }
}

function changeSentence(table: string, thing: string, column: string, value: ColumnValue): string {
  if (table === 'accounts' && column === 'enabled') return `Would ${value === 1 ? 'enable' : 'disable'} ${thing}`
  // The row has only the integer ID of the storage.
  if (column === 'backup_storage_id') return `Would move ${thing} to another backup storage`
  if (value === null || value === '') return `Would clear ${column} of ${thing}`
  return `Would set ${column} of ${thing} to ${shownValue(column, value)}`
}

function shownValue(column: string, value: NonNullable<ColumnValue>): string {
  if (column.startsWith('is_')) return value === 1 ? 'yes' : 'no'
  if (column === 'boot_dev_type') return BOOT_DEV_TYPES[Number(value)] ?? String(value)
  if (column === 'features') return Array.from(String(value).matchAll(FEATURE), ([, name]) => name).join(', ') || 'none'
  if (typeof value !== 'string') return column.endsWith('size') ? `${value} B` : String(value)
  return /\s/.test(value) ? `'${value}'` : value
}

/** Describes a change of a label. Tags only go with what they belong to. */
function attachedSentence({ action, table, id, row }: RowChange): string[] {
  if (table !== 'resource_labels') return []
  if (row.name === PROTECTED_LABEL)
    return [action === 'delete' ? `Would end the protection of ${id}` : `Would protect ${id}`]
  if (action === 'delete') return [`Would remove the label ${row.name} of ${id}`]
  return [`Would set the label ${row.name} of ${id} to ${shownValue('', row.string_value ?? row.blob_value ?? '')}`]
}
