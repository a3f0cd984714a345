import { VdcError } from '../../core/errors.ts'
import { selectStoragesByKey } from '../../db/tables/backup-storages.ts'
import { selectIdsWithHistory } from '../../db/tables/histories.ts'
import { type RegistryTables, selectRowsByUuid, selectUuidsThere } from '../../db/tables/many-rows.ts'
import type { BackupObjectRow, BackupStorageRow, ImageRow, NewRow } from '../../db/tables/rows.ts'
import { insertRows } from '../../db/tables/writes.ts'
import { claimUse } from '../../db/transactions/claims.ts'
import { isUuidTaken, writeStorage } from '../backup-storage/write.ts'
import { changesOf } from '../history/history.ts'
import { objectsInVolumes } from '../image/volumes.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { isSuspect, requireStorable } from '../rules/storable.ts'
import { ALL_FILES, SYSTEM_ACCOUNTS } from '../rules/values.ts'
import type { ImportConflict, Importing } from './importing.ts'
import type { ReadRecord } from './read.ts'
import { COLUMNS_OF, KIND_OF, type RegistryRecord, type RowType, STATE_BEFORE, TABLE_OF } from './records.ts'
import { recordOf, rowOf, uuidOf } from './rows.ts'

type ThingType = Exclude<RowType, 'label'>
type Thing = { record: RegistryRecord<ThingType>; line: number }

/** The integer ID of no storage, as they start at 1. */
const NO_STORAGE = 0

const PURGED_HERE = 'was purged here; its ID is never reused'

/**
 * Imports records of one type that has IDs.
 *
 * @returns the numbers of added and unchanged records.
 * @throws VdcError VALUE_REFUSED if a record cannot be stored; names the line.
 */
export async function importThings(
  importing: Importing,
  batch: readonly ReadRecord[],
): Promise<{ added: number; unchanged: number }> {
  const { db } = importing
  const things = batch as readonly Thing[]
  const type = (things[0] as Thing).record.type
  const known = await knownRecords(importing, type, things)
  const taken = await takenIds(importing, type, things)
  const fresh: Thing[] = []
  let unchanged = 0
  for (const thing of things) {
    const { record } = thing
    const twin = known.get(uuidOf(record.uuid).toLowerCase())
    if (twin === undefined && !taken.has(record.uuid)) {
      fresh.push(thing)
      continue
    }
    const conflict = twin === undefined ? conflictOfTaken(record) : conflictBetween(twin, record)
    if (conflict === undefined) unchanged++
    else importing.conflict(conflict)
  }
  for (const thing of fresh.filter(({ record }) => isSuspect(importing.database, record)))
    await requireStorableRecord(importing, thing)
  if (type === 'backup_storage') {
    for (const { record } of fresh as { record: RegistryRecord<'backup_storage'> }[])
      await writeStorage(db, rowOf<'backup_storage'>(record))
  } else await insertThings(importing, type, fresh)
  await noteMissing(importing, type, fresh)
  return { added: fresh.length, unchanged }
}

/** Returns the conflict of a record whose ID is taken although no row has it. */
function conflictOfTaken({ type, uuid }: RegistryRecord<ThingType>): ImportConflict {
  if (type === 'image') return { id: uuid, fields: ['purged_at'], why: PURGED_HERE }
  return { id: uuid, fields: ['uuid'] }
}

/** Returns the conflict of a record with the existing thing of the same ID; undefined if they are equal. */
function conflictBetween(
  twin: RegistryRecord<ThingType>,
  record: RegistryRecord<ThingType>,
): ImportConflict | undefined {
  // Each data centre has its own system accounts; their columns may differ.
  const { type, uuid } = record
  if (type === 'account' && SYSTEM_ACCOUNTS.includes(uuid) && twin.uuid === uuid) return undefined
  const fields = differences(twin, record)
  return fields.length === 0 ? undefined : { id: uuid, fields }
}

async function insertThings(importing: Importing, type: ThingType, things: readonly Thing[]): Promise<void> {
  const { db, histories } = importing
  const storages = type === 'backup_object' ? await storageKeys(importing, things) : undefined
  const rows = things.map(({ record, line }) =>
    rowOf(record, storages && storageKeyOf(record as never, line, storages)),
  )
  await insertRows(db, TABLE_OF[type], rows as never)
  if (type === 'backup_object') await histories.addObjects(rows as NewRow<BackupObjectRow>[])
  if (type !== 'image') return
  const states = things.map(({ record }) => (record as RegistryRecord<'image'>)[STATE_BEFORE])
  await histories.addImages(rows.map((row, index) => ({ row: row as NewRow<ImageRow>, stateBefore: states[index] })))
}

/** Returns the existing things with the same IDs as records, by UUID in lower case. */
async function knownRecords({ db }: Importing, type: ThingType, things: readonly Thing[]) {
  const rows = await selectRowsByUuid(db, TABLE_OF[type], uuidsOf(things))
  const keys = rows.flatMap((row) => ('backup_storage_id' in row ? [row.backup_storage_id] : []))
  const storages = new Map((await selectStoragesByKey(db, [...new Set(keys)])).map((storage) => [storage.id, storage]))
  const known = new Map<string, RegistryRecord<ThingType>>()
  for (const row of rows) {
    const storage = 'backup_storage_id' in row ? storages.get(row.backup_storage_id) : undefined
    const record = recordOf(
      type,
      row as RegistryTables[(typeof TABLE_OF)[ThingType]],
      storage && canonicalId('backupStorage', storage.uuid),
    )
    const name = row.uuid.toLowerCase()
    // Two storages may have the same ID, as it has no unique index. Prefer an equal one.
    const isEqual = things.some(
      (thing) => thing.record.uuid === record.uuid && differences(record, thing.record).length === 0,
    )
    if (isEqual || !known.has(name)) known.set(name, record)
  }
  return known
}

/** Returns IDs that are taken although no row has them: of storages by a claim, of images by the history of a purged image. */
async function takenIds({ db }: Importing, type: ThingType, things: readonly Thing[]): Promise<Set<string>> {
  const ids = things.map(({ record }) => record.uuid)
  if (type === 'image') {
    const used = new Set((await selectIdsWithHistory(db, ids)).map((id) => id.toLowerCase()))
    return new Set(ids.filter((id) => used.has(id.toLowerCase())))
  }
  const taken = new Set<string>()
  if (type === 'backup_storage') {
    for (const id of ids) if (await isUuidTaken(db, uuidOf(id))) taken.add(id)
  }
  return taken
}

/** Returns the integer IDs of the storages of objects, by canonical ID. If two storages have the same ID, the one that is not deleted. */
async function storageKeys({ db }: Importing, things: readonly Thing[]): Promise<Map<string, number>> {
  const ids = things.flatMap(({ record }) => (record as RegistryRecord<'backup_object'>).backup_storage_id ?? [])
  const uuids = [...new Set(ids.map(uuidOf))]
  // A purge of files must not miss that a file gets another object.
  await claimUse(db, ALL_FILES)
  const rows: BackupStorageRow[] = await selectRowsByUuid(db, 'backup_storages', uuids, { lock: 'share' })
  const keys = new Map<string, number>()
  for (const deleted of [true, false]) {
    for (const row of rows) {
      const id = canonicalId('backupStorage', row.uuid)
      if ((row.deleted_at !== null) === deleted && (!deleted || !keys.has(id))) keys.set(id, row.id)
    }
  }
  return keys
}

function storageKeyOf(
  object: RegistryRecord<'backup_object'>,
  line: number,
  keys: ReadonlyMap<string, number>,
): number {
  if (object.backup_storage_id === null) return NO_STORAGE
  const key = keys.get(object.backup_storage_id)
  if (key !== undefined) return key
  throw new VdcError(
    'VALUE_REFUSED',
    `Line ${line} (${object.uuid}) is refused: its backup storage ${object.backup_storage_id} is neither in the file nor in the registry`,
  )
}

/** @throws VdcError VALUE_REFUSED if the database cannot store a character, such as an emoji in Wakame-vdc's tables. */
async function requireStorableRecord({ database }: Importing, { record, line }: Thing): Promise<void> {
  await requireStorable(database, TABLE_OF[record.type], record).catch((error: VdcError) => {
    throw new VdcError(error.code, `Line ${line} (${record.uuid}) is refused: ${error.message}`, { hint: error.hint })
  })
}

/** Notes missing things to which images and objects refer, for a warning. Databases of Wakame-vdc may have such references. */
async function noteMissing({ db, missing }: Importing, type: ThingType, things: readonly Thing[]): Promise<void> {
  const note = async (warning: string, refersTo: ThingType, ids: readonly (string | null)[]) => {
    const wanted = new Set(ids.filter((id): id is string => id !== null && id !== ''))
    for (const uuid of await selectUuidsThere(db, TABLE_OF[refersTo], [...wanted].map(uuidOf)))
      wanted.delete(canonicalId(KIND_OF[refersTo], uuid))
    if (wanted.size === 0) return
    const noted = missing.get(warning) ?? new Set()
    for (const id of wanted) if (noted.size < 4) noted.add(id)
    missing.set(warning, noted)
  }
  if (type !== 'image' && type !== 'backup_object') return
  const records = things.map(({ record }) => record as RegistryRecord<'image' | 'backup_object'>)
  await note(
    'Accounts own images or backup objects but do not exist',
    'account',
    records.map((record) => record.account_id),
  )
  if (type !== 'image') return
  const alive = (records as RegistryRecord<'image'>[]).filter(
    (image) => image.deleted_at === null && image.state !== 'deleted',
  )
  const objects = alive.map((image) => image.backup_object_id)
  await note('Images cannot boot because their backup objects are missing', 'backup_object', objects)
  const volumes: string[] = []
  for (const image of alive) volumes.push(...(await objectsInVolumes(image.volumes)))
  await note('Images lack volumes because the backup objects of the volumes are missing', 'backup_object', volumes)
}

/** Returns the columns in which two records differ. Ignores `STATE_BEFORE`, as each registry has its own history. */
function differences(there: RegistryRecord<ThingType>, record: RegistryRecord<ThingType>): string[] {
  const changes = changesOf(there, record)
  return COLUMNS_OF[record.type].filter(
    (column) => column in changes && (column !== 'progress' || !isSameProgress(there, record)),
  )
}

/** Compares six digits of `progress`, as MySQL returns fewer digits than SQLite. */
function isSameProgress(a: RegistryRecord<ThingType>, b: RegistryRecord<ThingType>): boolean {
  const digits = (record: object) => Number((record as { progress: number }).progress).toPrecision(6)
  return digits(a) === digits(b)
}

function uuidsOf(things: readonly Thing[]): string[] {
  return things.map(({ record }) => uuidOf(record.uuid))
}
