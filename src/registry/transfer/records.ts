import * as z from 'zod/mini'
import type { RegistryTables } from '../../db/many-rows.ts'
import type { Int64, NewRow } from '../../db/rows.ts'
import { isoTime } from '../../db/time.ts'
import { canonicalId, type Kind, prefixOf } from '../identifiers.ts'

/*
 * The lines of a registry file: JSON, each an object with a `type`. The first is
 * the header, the last tells how many there are of each type, and between them is
 * a line a row, its columns by their names, ids canonical, without integer ids;
 * times ISO 8601 UTC. A bigint is a number where that is exact, else decimal text.
 * An image that was purged has no row: its line keeps its id from being used again.
 */

/** The version of this form. */
export const VERSION = 1

/** The types in the order of their lines: what is referred to comes first. */
export const TYPES = ['account', 'backup_storage', 'backup_object', 'image', 'label', 'purged_image'] as const
export type RecordType = (typeof TYPES)[number]
/** Those of rows. */
export type RowType = Exclude<RecordType, 'purged_image'>

/** Something for each type. */
export function forTypes<T>(make: () => T): Record<RecordType, T> {
  return Object.fromEntries(TYPES.map((type) => [type, make()])) as Record<RecordType, T>
}

/** The tables that the rows of each type lie in. */
export const TABLE_OF = {
  account: 'accounts',
  backup_storage: 'backup_storages',
  backup_object: 'backup_objects',
  image: 'images',
  label: 'resource_labels',
} as const satisfies Record<RowType, keyof RegistryTables>

/** The kinds of things that have rows of their own. */
export const KIND_OF = {
  account: 'account',
  backup_storage: 'backupStorage',
  backup_object: 'backupObject',
  image: 'image',
} as const satisfies Record<Exclude<RowType, 'label'>, Kind>

/** Labels of these are in the file; those of other resources, such as instances, are the cloud's. */
const LABELLED: readonly string[] = Object.values(KIND_OF).map(prefixOf)
export const isLabelled = (resourceId: string): boolean => LABELLED.some((prefix) => resourceId.startsWith(prefix))

const VARCHAR = 255
const TEXT_BYTES = 65_535
const INT32 = 2 ** 31
const INT64_MAX = 2n ** 63n - 1n

const words = (limit: number, lengthOf: (text: string) => number, unit: string) =>
  z.string('must be text').check(
    z.refine((text) => text.isWellFormed() && !text.includes('\u0000'), 'must be valid text'),
    z.refine((text) => lengthOf(text) <= limit, `must not be longer than ${limit} ${unit}`),
  )
const line = words(VARCHAR, (text) => [...text].length, 'characters')
const text = words(TEXT_BYTES, (value) => Buffer.byteLength(value), 'bytes')
const int32 = z
  .number('must be a whole number')
  .check(z.refine((value) => Number.isInteger(value) && value >= -INT32 && value < INT32, 'must be a whole number'))
const flag = z.number('must be 0 or 1').check(z.refine((value) => value === 0 || value === 1, 'must be 0 or 1'))
const percent = z
  .number('must be a number from 0 to 100')
  .check(z.refine((value) => value >= 0 && value <= 100, 'must be a number from 0 to 100'))

const BIGINT = `must be a whole number from 0 to ${INT64_MAX}; as text where JSON could not hold it exactly`
const isBigint = (value: Int64) =>
  typeof value === 'number'
    ? Number.isSafeInteger(value) && value >= 0
    : /^[0-9]{1,19}$/.test(value) && BigInt(value) <= INT64_MAX
const bigint = z.pipe(
  z.union([z.number(), z.string()], BIGINT).check(z.refine(isBigint, BIGINT)),
  z.transform((value: Int64): Int64 => (Number.isSafeInteger(Number(value)) ? Number(value) : String(BigInt(value)))),
)

const time = z
  .string('must be a time')
  .check(
    z.refine(
      (value) =>
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value) &&
        new Date(value).toJSON?.()?.slice(0, 19) === value.slice(0, 19),
      'must be a time, such as 2026-11-24T09:30:00Z',
    ),
  )

const id = (kind: Kind) => {
  const form = new RegExp(`^${prefixOf(kind)}[A-Za-z0-9_]+$`)
  const must = `must be an id, such as ${prefixOf(kind)}k3x9q0bz`
  return z.string(must).check(z.refine((value) => form.test(value) && value.length <= VARCHAR, must))
}
/** Wakame-vdc leaves an empty text in some columns that may be NULL. */
const idOrNothing = (kind: Kind) =>
  z.nullable(z.union([z.literal(''), id(kind)], `must be null or an id, such as ${prefixOf(kind)}k3x9q0bz`))

const SCHEMAS = {
  account: {
    uuid: id('account'),
    description: z.nullable(line),
    enabled: int32,
    created_at: time,
    updated_at: time,
    deleted_at: z.nullable(time),
    purged_at: z.nullable(time),
  },
  backup_storage: {
    uuid: id('backupStorage'),
    display_name: line,
    storage_type: line,
    description: z.nullable(text),
    base_uri: line,
    deleted_at: z.nullable(time),
    created_at: time,
    updated_at: time,
    node_id: z.nullable(line),
  },
  backup_object: {
    account_id: id('account'),
    uuid: id('backupObject'),
    display_name: line,
    service_type: line,
    /** null where the row of the storage is gone. */
    backup_storage_id: z.nullable(id('backupStorage')),
    size: bigint,
    allocation_size: bigint,
    container_format: line,
    status: int32,
    state: line,
    object_key: line,
    checksum: line,
    description: z.nullable(text),
    progress: percent,
    deleted_at: z.nullable(time),
    created_at: time,
    updated_at: time,
    purged_at: z.nullable(time),
    source_volume_id: line,
  },
  image: {
    account_id: id('account'),
    uuid: id('image'),
    created_at: time,
    updated_at: time,
    boot_dev_type: int32,
    arch: line,
    description: z.nullable(text),
    is_public: flag,
    state: line,
    features: z.nullable(text),
    file_format: line,
    root_device: z.nullable(line),
    is_cacheable: flag,
    instance_model_name: line,
    parent_image_id: idOrNothing('image'),
    service_type: line,
    display_name: line,
    backup_object_id: idOrNothing('backupObject'),
    deleted_at: z.nullable(time),
    volumes: text,
    vifs: text,
    os_type: line,
  },
  label: {
    resource_uuid: line.check(z.refine(isLabelled, `must be an id that begins with ${LABELLED.join(', ')}`)),
    name: line,
    value_type: z.union([z.literal(1), z.literal(2)], 'must be 1 or 2'),
    string_value: z.nullable(line),
    blob_value: z.nullable(text),
    created_at: time,
    updated_at: time,
  },
  purged_image: {
    uuid: id('image'),
    purged_at: time,
  },
}

/**
 * A key of a deleted image that is no column: the state that it had before, which
 * its history tells and an import begins anew. The first files had no such key.
 */
export const STATE_BEFORE = 'state_before_deletion'

function strict<T extends z.core.$ZodLooseShape>(shape: T) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? `must not have ${issue.keys.join(', ')}` : 'must be an object',
  })
}

const count = int32.check(z.refine((value) => value >= 0, 'must be a whole number'))

/** What each line must be. */
export const LINES = {
  registry: strict({
    type: z.literal('registry'),
    version: z.number('must be a number'),
    exported_at: time,
  }),
  account: strict({ type: z.literal('account'), ...SCHEMAS.account }),
  backup_storage: strict({ type: z.literal('backup_storage'), ...SCHEMAS.backup_storage }),
  backup_object: strict({ type: z.literal('backup_object'), ...SCHEMAS.backup_object }),
  image: strict({ type: z.literal('image'), ...SCHEMAS.image, [STATE_BEFORE]: z.optional(line) }),
  label: strict({ type: z.literal('label'), ...SCHEMAS.label }),
  purged_image: strict({ type: z.literal('purged_image'), ...SCHEMAS.purged_image }),
  end: strict({
    type: z.literal('end'),
    counts: strict({
      account: count,
      backup_storage: count,
      backup_object: count,
      image: count,
      label: count,
      // The first files had no such lines.
      purged_image: z.prefault(count, 0),
    }),
  }),
}

/** What a line holds. */
export type RegistryRecord<T extends RecordType = RecordType> = z.output<(typeof LINES)[T]>

/** Makes the record of a row; of an object, `storageId` is the canonical id of its storage, or null where that is gone. */
export function recordOf<T extends RowType>(
  type: T,
  row: RegistryTables[(typeof TABLE_OF)[T]],
  storageId?: string | null,
): RegistryRecord<T> {
  const columns: Record<string, unknown> = { ...row }
  const record: Record<string, unknown> = { type }
  for (const column of Object.keys(SCHEMAS[type])) {
    const value = columns[column]
    if (column === 'uuid') record.uuid = canonicalId(KIND_OF[type as keyof typeof KIND_OF], String(value))
    else if (column === 'backup_storage_id') record[column] = storageId ?? null
    else record[column] = column.endsWith('_at') ? isoTime(value as string | null) : value
  }
  return record as RegistryRecord<T>
}

/** Makes the row of a record; of an object, `storageKey` is the integer id of its storage. */
export function rowOf<T extends RowType>(
  record: RegistryRecord<T>,
  storageKey?: number,
): NewRow<RegistryTables[(typeof TABLE_OF)[T]]> {
  const { type, ...columns } = record as RegistryRecord & Record<string, unknown>
  const row: Record<string, unknown> = {}
  for (const [column, value] of Object.entries(columns)) {
    if (column === STATE_BEFORE) continue
    if (column === 'uuid') row.uuid = uuidOf(value as string)
    else if (column === 'backup_storage_id') row[column] = storageKey
    else row[column] = column.endsWith('_at') && value !== null ? sqlOf(value as string) : value
  }
  return row as NewRow<RegistryTables[(typeof TABLE_OF)[T]]>
}

/** The uuid of a canonical id, without its prefix. */
export function uuidOf(id: string): string {
  return id.slice(id.indexOf('-') + 1)
}

/** A time of a line as the tables hold it. */
export function sqlOf(time: string): string {
  return time.slice(0, 19).replace('T', ' ')
}
