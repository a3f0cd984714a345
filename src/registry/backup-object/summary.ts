import type * as z from 'zod/mini'
import type { ObjectListRow } from '../../db/lists/backup-objects.ts'
import { isoTime } from '../../db/sql/time.ts'
import { virtualSizeOf } from '../image/register/virtual-size.ts'
import { field, type Presentation } from '../presentation.ts'
import type { backupObjectSummary } from '../results/backup-object.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { exactInteger } from '../rules/int64.ts'
import { DEFAULT_FILE_FORMAT, VIRTUAL_SIZE_LABEL } from '../rules/values.ts'
import type { AllUsers } from './all-users.ts'
import { stateOf } from './details.ts'

/** A backup object in a list. */
export type ObjectSummary = z.output<typeof backupObjectSummary>

/** The keys that need the users of objects. */
export const OF_USERS: readonly string[] = ['users', 'used_by', 'virtual_size']

/**
 * Returns how the rows of a list of objects are presented.
 *
 * @param users the users of all objects; undefined if none of OF_USERS is read.
 * @param hasUsedBy whether the IDs of the images are asked for.
 */
export function summaryFor(
  users: AllUsers | undefined,
  hasUsedBy: boolean,
): Presentation<ObjectListRow, ObjectSummary> {
  const usersOf = ({ uuid }: Pick<ObjectListRow, 'uuid'>) => users?.of(canonicalId('backupObject', uuid)) ?? []
  return {
    ...SUMMARY,
    virtual_size: [
      (row) =>
        virtualSizeOf(
          users?.formatOf(canonicalId('backupObject', row.uuid)) ?? DEFAULT_FILE_FORMAT,
          row.size,
          row.virtual_size === null ? {} : { [VIRTUAL_SIZE_LABEL]: row.virtual_size },
        ),
      'uuid',
      'size',
      'virtual_size',
    ],
    users: [(row) => usersOf(row).length, 'uuid'],
    ...(hasUsedBy ? { used_by: [usersOf, 'uuid'] } : {}),
  }
}

const SUMMARY: Presentation<ObjectListRow, Omit<ObjectSummary, 'virtual_size' | 'users' | 'used_by'>> = {
  id: [({ uuid }) => canonicalId('backupObject', uuid), 'uuid'],
  account_id: field('account_id'),
  display_name: field('display_name'),
  state: [stateOf, 'state', 'deleted_at'],
  service_type: field('service_type'),
  backup_storage_id: [
    ({ storage_uuid: uuid }) => (uuid === null ? null : canonicalId('backupStorage', uuid)),
    'storage_uuid',
  ],
  uri: [({ base_uri, object_key }) => (base_uri === null ? null : base_uri + object_key), 'base_uri', 'object_key'],
  container_format: field('container_format'),
  size: [(row) => exactInteger(row.size), 'size'],
  allocation_size: [(row) => exactInteger(row.allocation_size), 'allocation_size'],
  checksum: field('checksum'),
  created_at: [(row) => isoTime(row.created_at), 'created_at'],
  updated_at: [(row) => isoTime(row.updated_at), 'updated_at'],
  deleted_at: [(row) => isoTime(row.deleted_at), 'deleted_at'],
}
