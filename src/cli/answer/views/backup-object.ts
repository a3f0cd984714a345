import type { ObjectDetails } from '../../../registry/backup-object/details.ts'
import type { StorageDetails } from '../../../registry/backup-storage/details.ts'
import {
  COMPLETE,
  DEFAULT_CONTAINER_FORMAT,
  DEFAULT_SERVICE_TYPE,
  DEFAULT_STATE,
  MD5_LABEL,
  SHA256_LABEL,
  VIRTUAL_SIZE_LABEL,
} from '../../../registry/rules/values.ts'
import type { Field, Section } from '../sections.ts'

/** Labels whose values are fields of the object. */
const SHOWN_LABELS: readonly string[] = [MD5_LABEL, SHA256_LABEL, VIRTUAL_SIZE_LABEL]

/** Returns the sections of `backupobject show`. */
export function objectSections(object: ObjectDetails): Section[] {
  return [
    {
      title: 'Backup object',
      fields: [
        { name: 'id', value: object.id },
        { name: 'display_name', value: object.display_name },
        { name: 'description', value: object.description },
        { name: 'account_id', value: object.account_id },
        ...stateFields(object, '', false),
        { name: 'service_type', value: object.service_type, isUsual: object.service_type === DEFAULT_SERVICE_TYPE },
        { name: 'source_volume_id', value: object.source_volume_id },
        ...timeFields(object, ''),
      ],
    },
    { title: 'File', fields: fileFields(object, '') },
    { title: 'Storage', fields: [{ name: 'backup_storage_id', value: object.backup_storage_id }] },
    { title: 'Labels', fields: labelFields(object, '') },
  ]
}

/**
 * Returns the fields of the file of an object.
 *
 * @param prefix of their names.
 * @param virtualSize is shown elsewhere; the size of the unpacked file is not repeated.
 */
export function fileFields(object: ObjectDetails, prefix: string, virtualSize?: number | bigint | null): Field[] {
  const known = [object.allocation_size, virtualSize].map(String)
  return [
    ...(known.includes(String(object.size)) ? [] : [{ name: `${prefix}size`, value: object.size }]),
    { name: `${prefix}allocation_size`, value: object.allocation_size },
    {
      name: `${prefix}container_format`,
      value: object.container_format,
      isUsual: object.container_format === DEFAULT_CONTAINER_FORMAT,
    },
    object.uri === null
      ? { name: `${prefix}object_key`, value: object.object_key }
      : { name: `${prefix}uri`, value: object.uri },
    { name: `${prefix}checksum`, value: object.checksum },
    { name: `${prefix}sha256`, value: object.sha256 },
  ]
}

/** Returns the fields for the state of an object: `deleted` and the time of the deletion are one. */
export function stateFields(object: ObjectDetails, prefix: string, isUsual = true): Field[] {
  const { state, progress } = object
  return [
    { name: `${prefix}state`, value: stateText(object), isUsual: isUsual && state === DEFAULT_STATE },
    { name: `${prefix}progress`, value: progress, isUsual: progress === COMPLETE || state !== 'creating' },
  ]
}

/** Returns the state of an item, with the time since when it is deleted. */
export function stateText(item: { state: string; deleted_at: string | null; purged_at?: string | null }): string {
  const since = item.purged_at ?? item.deleted_at
  return since === null ? item.state : `${item.state} since ${since}`
}

/** Returns the fields for the times of an item. The time of the last change is left out if there was none. */
export function timeFields({ created_at, updated_at }: { created_at: string; updated_at: string }, prefix: string) {
  return [
    { name: `${prefix}created_at`, value: created_at },
    { name: `${prefix}updated_at`, value: updated_at, isUsual: updated_at === created_at },
  ]
}

/** Returns the fields for the labels of an object that are not shown elsewhere. */
export function labelFields({ labels }: ObjectDetails, prefix: string): Field[] {
  return Object.entries(labels)
    .filter(([name]) => !SHOWN_LABELS.includes(name))
    .map(([name, value]) => ({ name: `${prefix}labels.${name}`, value }))
}

/** Returns the sections of `backupstorage show`. */
export function storageSections(storage: StorageDetails): Section[] {
  return [
    {
      title: 'Backup storage',
      fields: [
        { name: 'id', value: storage.id },
        {
          name: 'display_name',
          value: storage.display_name,
          isUsual: storage.base_uri === `file://${storage.display_name}`,
        },
        { name: 'description', value: storage.description },
        { name: 'storage_type', value: storage.storage_type },
        { name: 'base_uri', value: storage.base_uri },
        { name: 'node_id', value: storage.node_id },
        ...timeFields(storage, ''),
        { name: 'deleted_at', value: storage.deleted_at },
      ],
    },
  ]
}
