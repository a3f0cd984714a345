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
import { canonicalId, parseId } from '../rules/identifiers.ts'
import { DEFAULT_STATE } from '../rules/values.ts'

/**
 * Finds the object that an image is to use, and keeps it as it is until the unit
 * of work ends.
 *
 * @param objectId with or without prefix.
 * @throws VdcError OBJECT_NOT_FOUND, OBJECT_DELETED, OBJECT_CONFLICT when it isn't available.
 */
export async function requireUsableObject(db: Queryable, objectId: string): Promise<BackupObjectRow> {
  const uuid = parseId('backupObject', objectId)
  await claimUse(db, canonicalId('backupObject', uuid))
  const object = await aliveObject(db, uuid, { lock: 'share' })
  if (object.state !== DEFAULT_STATE) {
    const id = canonicalId('backupObject', uuid)
    throw new VdcError('OBJECT_CONFLICT', `The backup object ${id} is in state ${object.state}, not ${DEFAULT_STATE}`, {
      hint: `When its bytes are there: vdc-manage backupobject modify ${id} --state ${DEFAULT_STATE}`,
    })
  }
  return object
}

/**
 * Finds the object that is to be shown, deleted or not.
 *
 * @throws VdcError OBJECT_NOT_FOUND.
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

/** Finds the objects of items, deleted or not; one that isn't there is a refusal, `OBJECT_NOT_FOUND`. */
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

/**
 * Finds the object that an image is to use.
 *
 * @throws VdcError OBJECT_NOT_FOUND, OBJECT_DELETED.
 */
async function aliveObject(db: Queryable, uuid: string, options: { lock: Lock }): Promise<BackupObjectRow> {
  const object = await existingObject(db, uuid, options)
  if (isDeleted(object)) throw objectDeleted(object)
  return object
}

/** The error for an object that is deleted. */
export function objectDeleted(object: BackupObjectRow): VdcError {
  const since = object.deleted_at === null ? '' : `, since ${isoTime(object.deleted_at)}`
  return new VdcError(
    'OBJECT_DELETED',
    `The backup object ${canonicalId('backupObject', object.uuid)} is deleted${since}`,
  )
}

/**
 * Reads the accounts whose objects are wanted.
 *
 * @param ids with or without prefix.
 * @returns canonical ids.
 * @throws VdcError VALUE_REFUSED; ACCOUNT_NOT_FOUND for an account that is neither known nor owns an object.
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

/** The error for an object that isn't there. */
export function objectNotFound(uuid: string): VdcError {
  return new VdcError('OBJECT_NOT_FOUND', `There is no backup object ${canonicalId('backupObject', uuid)}`, {
    hint: 'vdc-manage backupobject list --all shows those there are',
  })
}

/** An agent may have purged what nobody deleted. */
export function isDeleted(object: Pick<BackupObjectRow, 'deleted_at' | 'state'>): boolean {
  return object.deleted_at !== null || object.state === 'deleted' || object.state === 'purged'
}
