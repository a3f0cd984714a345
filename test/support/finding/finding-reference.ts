import type { Row } from '../databases/databases.ts'
import type { Findable } from './finding.ts'

/*
 * The expected contents of lists, computed from the same rows in plain JavaScript, without a
 * database and without the program.
 */

/** A row as a list shows it, with further values that filters use. */
export type Shown = Record<string, string | number | bigint | boolean | null | undefined>

/** Returns whether a row belongs in the list. */
export type Wanted = (row: Shown) => boolean

/** A sort key: a JSON key of the list. */
export interface Key {
  key: string
  descending: boolean
}

/** The rows of all lists. */
export interface Lists {
  accounts: Shown[]
  images: Shown[]
  backup_objects: Shown[]
  backup_storages: Shown[]
}

const iso = (time: Row[string] | undefined) => (time == null ? null : `${String(time).replace(' ', 'T')}Z`)
const integer = (value: Row[string] | undefined) => (value == null ? null : BigInt(value))

/** Returns the rows as lists show them. References match IDs exactly. */
export function listsOf(all: Findable): Lists {
  const labels = new Map<string, Map<string, string>>()
  for (const { resource_uuid, name, string_value, blob_value } of all.resource_labels) {
    const own = labels.get(String(resource_uuid)) ?? new Map<string, string>()
    labels.set(String(resource_uuid), own.set(String(name), String(string_value ?? blob_value ?? '')))
  }
  const times = (row: Row) => ({
    created_at: iso(row.created_at),
    updated_at: iso(row.updated_at),
    deleted_at: iso(row.deleted_at),
  })
  const storages = new Map(all.backup_storages.map((row) => [row.id, row]))
  const storageOf = (object: Row | undefined) => {
    const storage = object && storages.get(object.backup_storage_id as number)
    return storage === undefined ? null : `bkst-${storage.uuid}`
  }
  const objects = new Map(all.backup_objects.map((row) => [`bo-${row.uuid}`, row]))
  const checksums = (object: Row | undefined) => ({
    md5: object && String(object.checksum).toLowerCase(),
    sha256: object && labels.get(`bo-${object.uuid}`)?.get('vdc-manage.sha256'),
  })
  return {
    accounts: all.accounts.map((row) => ({
      row: row.id as number,
      id: `a-${row.uuid}`,
      description: row.description ?? null,
      enabled: row.enabled === 1,
      dead: row.deleted_at !== null,
      ...times(row),
    })),
    backup_storages: all.backup_storages.map((row) => ({
      row: row.id as number,
      id: `bkst-${row.uuid}`,
      display_name: row.display_name ?? null,
      storage_type: row.storage_type ?? null,
      base_uri: row.base_uri ?? null,
      node_id: row.node_id ?? null,
      dead: row.deleted_at !== null,
      ...times(row),
    })),
    backup_objects: all.backup_objects.map((row) => {
      const dead = row.deleted_at !== null || row.state === 'deleted' || row.state === 'purged'
      return {
        row: row.id as number,
        id: `bo-${row.uuid}`,
        account_id: row.account_id ?? null,
        display_name: row.display_name ?? null,
        state: dead && row.state !== 'purged' ? 'deleted' : (row.state ?? null),
        service_type: row.service_type ?? null,
        backup_storage_id: storageOf(row),
        container_format: row.container_format ?? null,
        size: integer(row.size),
        allocation_size: integer(row.allocation_size),
        checksum: row.checksum ?? null,
        ...checksums(row),
        dead,
        ...times(row),
      }
    }),
    images: all.images.map((row) => {
      const dead = row.deleted_at !== null || row.state === 'deleted'
      const object = objects.get(String(row.backup_object_id))
      const label = labels.get(String(row.backup_object_id))?.get('vdc-manage.virtual-size')
      const own = labels.get(`wmi-${row.uuid}`)
      return {
        row: row.id as number,
        id: `wmi-${row.uuid}`,
        display_name: row.display_name ?? null,
        description: row.description ?? null,
        account_id: row.account_id ?? null,
        arch: row.arch ?? null,
        os_type: row.os_type ?? null,
        file_format: row.file_format ?? null,
        virtual_size:
          label !== undefined && /^[0-9]+$/.test(label)
            ? BigInt(label)
            : row.file_format === 'raw'
              ? integer(object?.size)
              : null,
        allocation_size: integer(object?.allocation_size),
        state: dead ? 'deleted' : (row.state ?? null),
        is_public: row.is_public === 1,
        is_cacheable: row.is_cacheable === 1,
        protected: own?.has('vdc-manage.protected') ?? false,
        service_type: row.service_type ?? null,
        root_device: row.root_device ?? null,
        parent_image_id: row.parent_image_id ?? null,
        backup_object_id: row.backup_object_id ?? null,
        backup_storage_id: storageOf(object),
        checksum: object?.checksum ?? null,
        ...checksums(object),
        dead,
        labels: own === undefined ? '' : JSON.stringify(Object.fromEntries(own)),
        ...times(row),
      }
    }),
  }
}

/** Returns the IDs that a list must have, in order. */
export function expectedIds(rows: readonly Shown[], wanted: readonly Wanted[], order: readonly Key[]): string[] {
  const chosen = rows.filter((row) => wanted.every((isWanted) => isWanted(row)))
  chosen.sort((a, b) => {
    for (const { key, descending } of order) {
      const difference = compare(a[key] ?? null, b[key] ?? null)
      if (difference !== 0) return descending ? -difference : difference
    }
    return Number(a.row) - Number(b.row)
  })
  return chosen.map(({ id }) => String(id))
}

/** Compares texts by bytes and numbers by value. null comes first. */
function compare(a: Exclude<Shown[string], undefined>, b: Exclude<Shown[string], undefined>): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null)
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a < b ? -1 : a > b ? 1 : 0
}
