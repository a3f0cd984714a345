import type { RegistryTables } from '../../db/tables/many-rows.ts'
import { type Kind, prefixOf } from '../rules/identifiers.ts'
import {
  bigint,
  type Column,
  count,
  flag,
  id,
  idOrNothing,
  int32,
  type Keys,
  line,
  nullable,
  object,
  oneOf,
  optional,
  percent,
  text,
  time,
  type ValueOf,
  version,
} from './columns.ts'

/*
 * The format of a registry file. Each line is a JSON object with a `type`. The first
 * line is the header, the last one counts the lines of each type. The lines between
 * them are rows: columns by name, canonical IDs, no integer IDs, times in ISO 8601 UTC.
 * A bigint is a number if that is exact, otherwise a decimal string. A purged image has
 * no row; its line keeps its ID from being used again.
 */

/** The version of this format. */
export const VERSION = 1

/** The types in the order of their lines. Referenced types come first. */
export const TYPES = ['account', 'backup_storage', 'backup_object', 'image', 'label', 'purged_image'] as const
/** The type of a line between the first and the last one. */
export type RecordType = (typeof TYPES)[number]
/** The types whose lines are rows. */
export type RowType = Exclude<RecordType, 'purged_image'>

/** Returns an object with a value for each type. */
export function forTypes<T>(make: (type: RecordType) => T): Record<RecordType, T> {
  return Object.fromEntries(TYPES.map((type) => [type, make(type)])) as Record<RecordType, T>
}

/** The table of each type. */
export const TABLE_OF = {
  account: 'accounts',
  backup_storage: 'backup_storages',
  backup_object: 'backup_objects',
  image: 'images',
  label: 'resource_labels',
} as const satisfies Record<RowType, keyof RegistryTables>

/** The kind of each type that has IDs. */
export const KIND_OF = {
  account: 'account',
  backup_storage: 'backupStorage',
  backup_object: 'backupObject',
  image: 'image',
} as const satisfies Record<Exclude<RowType, 'label'>, Kind>

/** ID prefixes of things whose labels are exported. Labels of other resources, such as instances, belong to the cloud. */
const LABELLED: readonly string[] = Object.values(KIND_OF).map(prefixOf)
/** Returns whether the labels of a resource are exported. */
export const isLabelled = (resourceId: string): boolean => LABELLED.some((prefix) => resourceId.startsWith(prefix))

/**
 * A key of a deleted image that is not a column: its state before the deletion, from
 * its history, which is not exported. Files of early releases lack this key.
 */
export const STATE_BEFORE = 'state_before_deletion'

const labelled: Column<string> = {
  problem: (value) =>
    line.problem(value) ??
    (isLabelled(value as string) ? undefined : `must be an ID that begins with ${LABELLED.join(', ')}`),
}

/** The keys of each type of line. All but `STATE_BEFORE` are names of columns. */
const COLUMNS = {
  account: {
    uuid: id('account'),
    description: nullable(line),
    enabled: int32,
    created_at: time,
    updated_at: time,
    deleted_at: nullable(time),
    purged_at: nullable(time),
  },
  backup_storage: {
    uuid: id('backupStorage'),
    display_name: line,
    storage_type: line,
    description: nullable(text),
    base_uri: line,
    deleted_at: nullable(time),
    created_at: time,
    updated_at: time,
    node_id: nullable(line),
  },
  backup_object: {
    account_id: id('account'),
    uuid: id('backupObject'),
    display_name: line,
    service_type: line,
    /** Null if the row of the storage is missing. */
    backup_storage_id: nullable(id('backupStorage')),
    size: bigint,
    allocation_size: bigint,
    container_format: line,
    status: int32,
    state: line,
    object_key: line,
    checksum: line,
    description: nullable(text),
    progress: percent,
    deleted_at: nullable(time),
    created_at: time,
    updated_at: time,
    purged_at: nullable(time),
    source_volume_id: line,
  },
  image: {
    account_id: id('account'),
    uuid: id('image'),
    created_at: time,
    updated_at: time,
    boot_dev_type: int32,
    arch: line,
    description: nullable(text),
    is_public: flag,
    state: line,
    features: nullable(text),
    file_format: line,
    root_device: nullable(line),
    is_cacheable: flag,
    instance_model_name: line,
    parent_image_id: idOrNothing('image'),
    service_type: line,
    display_name: line,
    backup_object_id: idOrNothing('backupObject'),
    deleted_at: nullable(time),
    volumes: text,
    vifs: text,
    os_type: line,
    [STATE_BEFORE]: optional(line),
  },
  label: {
    resource_uuid: labelled,
    name: line,
    value_type: oneOf(1, 2),
    string_value: nullable(line),
    blob_value: nullable(text),
    created_at: time,
    updated_at: time,
  },
  purged_image: {
    uuid: id('image'),
    purged_at: time,
  },
}

/** The columns of each type, in the order of their keys. */
export const COLUMNS_OF = forTypes((type) => Object.keys(COLUMNS[type]).filter((name) => name !== STATE_BEFORE))

/** A key that was checked before. */
const known: Column<string> = { problem: () => undefined }

/** The keys of each line, for `problemIn`. */
export const LINES = {
  ...forTypes((type) => keysOf({ type: known, ...COLUMNS[type] })),
  registry: keysOf({ type: known, version, exported_at: time }),
  end: keysOf({ type: known, counts: object }),
}

/** The keys of the counts in the last line. Files of early releases have no lines of purged images. */
export const COUNTS = keysOf({ ...forTypes(() => count), purged_image: optional(count) })

function keysOf(columns: object): Keys {
  return Object.entries(columns)
}

/** The contents of a line between the first and the last one. */
export type RegistryRecord<T extends RecordType = RecordType> = {
  [K in T]: { type: K } & { [C in keyof (typeof COLUMNS)[K]]: ValueOf<(typeof COLUMNS)[K][C]> }
}[T]
