import { VdcError } from '../../core/errors.ts'
import type { Database, Queryable } from '../../db/database.ts'
import { isValueInUse } from '../../db/lists/selection.ts'
import { isoTime } from '../../db/sql/time.ts'
import { findAccount } from '../../db/tables/accounts.ts'
import { findBackupObject } from '../../db/tables/backup-objects.ts'
import { selectRowsByUuid } from '../../db/tables/many-rows.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { claimUse } from '../../db/transactions/claims.ts'
import type { Lock } from '../../db/transactions/locks.ts'
import { accountNotFound } from '../account/find.ts'
import type { Item } from '../batch/batches.ts'
import { decide } from '../batch/decide.ts'
import { byIdOrName } from '../names/by-id-or-name.ts'
import { canonicalId, parseId } from '../rules/identifiers.ts'
import { DEFAULT_STATE } from '../rules/values.ts'

/**
 * Finds the object for an image and locks it until the unit of work ends.
 *
 * @param objectId with or without prefix, or a display name.
 * @throws VdcError VALUE_REFUSED or NAME_AMBIGUOUS if the ID is not valid; OBJECT_NOT_FOUND if it does not exist;
 *   OBJECT_DELETED if it is deleted; OBJECT_CONFLICT if it is not available.
 */
export async function requireUsableObject(db: Queryable, objectId: string): Promise<BackupObjectRow> {
  const object = await byIdOrName(db, 'backupObject', objectId, async (uuid) => {
    await claimUse(db, canonicalId('backupObject', uuid))
    return aliveObject(db, uuid, { lock: 'share' })
  })
  if (object.state !== DEFAULT_STATE) {
    const id = canonicalId('backupObject', object.uuid)
    throw new VdcError('OBJECT_CONFLICT', `Backup object ${id} is in state ${object.state}, not ${DEFAULT_STATE}`, {
      hint: `Once its file is in place, run: vdc-manage backupobject modify ${id} --state ${DEFAULT_STATE}`,
    })
  }
  return object
}

/**
 * Finds an object, deleted or not.
 *
 * @throws VdcError OBJECT_NOT_FOUND if it does not exist.
 */
export async function existingObject(
  db: Queryable,
  uuid: string,
  options: { lock?: Lock } = {},
): Promise<BackupObjectRow> {
  const object = await findBackupObject(db, uuid, options)
  if (object === undefined) throw objectNotFound(uuid)
  return object
}

/** Finds the objects of items, deleted or not. Items whose object does not exist are refused with OBJECT_NOT_FOUND. */
export async function existingObjects<I extends Item>(
  db: Queryable,
  items: readonly I[],
  options: { lock?: Lock } = {},
): Promise<Map<I, BackupObjectRow>> {
  const uuids = items.map(({ uuid }) => uuid)
  const rows = await selectRowsByUuid(db, 'backup_objects', uuids, options)
  const byUuid = new Map(rows.map((row) => [row.uuid, row]))
  return decide(items, ({ uuid }) => {
    const object = byUuid.get(uuid)
    if (object === undefined) throw objectNotFound(uuid)
    return object
  })
}

/** @throws VdcError OBJECT_NOT_FOUND if the object does not exist; OBJECT_DELETED if it is deleted. */
async function aliveObject(db: Queryable, uuid: string, options: { lock: Lock }): Promise<BackupObjectRow> {
  const object = await existingObject(db, uuid, options)
  if (isDeleted(object)) throw objectDeleted(object)
  return object
}

/** Returns the error for a deleted object. */
export function objectDeleted(object: BackupObjectRow): VdcError {
  const id = canonicalId('backupObject', object.uuid)
  const how = object.deleted_at === null ? 'is deleted' : `was deleted at ${isoTime(object.deleted_at)}`
  return new VdcError('OBJECT_DELETED', `Backup object ${id} ${how}`)
}

/**
 * Checks the accounts by which a list of objects is filtered.
 *
 * @param ids with or without prefix; undefined if there is no such filter.
 * @returns canonical IDs.
 * @throws VdcError VALUE_REFUSED if an ID is not valid; ACCOUNT_NOT_FOUND if an account
 *   does not exist and owns no object.
 */
export async function requireKnownOwners(
  database: Database,
  ids: readonly string[] | undefined,
): Promise<string[] | undefined> {
  if (ids === undefined) return undefined
  const owners: string[] = []
  for (const id of ids) {
    const uuid = parseId('account', id)
    const canonical = canonicalId('account', uuid)
    const isThere = (await findAccount(database.knex, uuid)) !== undefined
    if (!isThere && !(await isValueInUse(database, 'backup_objects', 'account_id', canonical))) {
      throw accountNotFound(uuid)
    }
    owners.push(canonical)
  }
  return owners
}

/** Returns the error for an object that does not exist. */
export function objectNotFound(uuid: string): VdcError {
  return new VdcError('OBJECT_NOT_FOUND', `Backup object ${canonicalId('backupObject', uuid)} does not exist`, {
    hint: 'List all backup objects with: vdc-manage backupobject list --all',
  })
}

/** Returns whether an object is deleted or purged. An agent may purge an object that was never deleted. */
export function isDeleted(object: Pick<BackupObjectRow, 'deleted_at' | 'state'>): boolean {
  return object.deleted_at !== null || object.state === 'deleted' || object.state === 'purged'
}
