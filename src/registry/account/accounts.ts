import * as z from 'zod/mini'
import { findAccount, insertAccount, isAccountUuidTaken, selectAccounts, updateAccount } from '../../db/accounts.ts'
import type { Queryable } from '../../db/database.ts'
import { selectAliveUuidsBy } from '../../db/images.ts'
import type { AccountRow } from '../../db/rows.ts'
import { deleteTagMappings } from '../../db/tag-mappings.ts'
import { isoTime, sqlTime } from '../../db/time.ts'
import { inTransaction, lostRace } from '../../db/unit-of-work.ts'
import { VdcError } from '../../errors.ts'
import { changesOf } from '../history.ts'
import { canonicalId, ENOUGH_IDS, idList, parseId, requireFreeUuid } from '../identifiers.ts'
import type { Registry } from '../registry.ts'
import { requireStorable } from '../storable.ts'
import { clearable, line, orNull } from '../texts.ts'
import { validate } from '../validate.ts'
import { SYSTEM_ACCOUNTS } from '../values.ts'

/** An account as people and scripts see it; times are ISO 8601 UTC. */
export interface Account {
  id: string
  description: string | null
  enabled: boolean
  created_at: string
  updated_at: string
  deleted_at: string | null
}

const accountRequest = z.object({
  uuid: z.optional(z.string()),
  description: orNull(line),
})

/** What `addAccount` takes: an id, given with or without its prefix, or none to have one made. */
export type AccountRequest = z.input<typeof accountRequest>

/**
 * Adds an account.
 *
 * @throws VdcError VALUE_REFUSED; ID_TAKEN when the id was ever used.
 */
export async function addAccount(registry: Registry, request: AccountRequest): Promise<Account> {
  const { uuid: given, description } = validate(accountRequest, request)
  await requireStorable(registry.database, 'accounts', { description })
  return inTransaction(registry.database, async (trx) => {
    const uuid = await requireFreeUuid('account', given, (taken) => isAccountUuidTaken(trx, taken))
    return createAccount(trx, uuid ?? registry.generateUuid(), description)
  })
}

const accountChanges = z.object({
  description: z.optional(clearable(line)),
  enabled: z.optional(z.boolean()),
})

/** What `modifyAccount` changes; what isn't given stays. */
export type AccountChanges = z.input<typeof accountChanges>

/**
 * Changes an account.
 *
 * @param id with or without its prefix.
 * @throws VdcError VALUE_REFUSED, ACCOUNT_NOT_FOUND, ACCOUNT_DELETED; SYSTEM_ACCOUNT for disabling one of these.
 */
export async function modifyAccount(registry: Registry, id: string, request: AccountChanges): Promise<Account> {
  const uuid = parseId('account', id)
  const { description, enabled } = validate(accountChanges, request)
  if (enabled === false) requireOrdinary(uuid, 'disabled')
  await requireStorable(registry.database, 'accounts', { description })
  return inTransaction(registry.database, async (trx) => {
    const account = await findToChange(trx, uuid)
    const changes = changesOf(account, { description, enabled: enabled === undefined ? undefined : Number(enabled) })
    return applyChanges(trx, account, changes)
  })
}

/**
 * Deletes an account softly (dcmgr.md, "Deleting"): its row stays and says so,
 * its tags go, what it owns stays.
 *
 * @param options.force also while it owns images that aren't deleted.
 * @throws VdcError VALUE_REFUSED, ACCOUNT_NOT_FOUND, ACCOUNT_DELETED, SYSTEM_ACCOUNT, IN_USE that names images.
 */
export async function deleteAccount(registry: Registry, id: string, options: { force: boolean }): Promise<Account> {
  const uuid = parseId('account', id)
  requireOrdinary(uuid, 'deleted')
  return inTransaction(registry.database, async (trx) => {
    const account = await findToChange(trx, uuid)
    const images = await selectAliveUuidsBy(trx, 'account_id', canonicalId('account', uuid), ENOUGH_IDS)
    if (images.length > 0 && !options.force) {
      throw new VdcError(
        'IN_USE',
        `The account ${canonicalId('account', uuid)} owns images: ${idList('image', images)}`,
        {
          hint: 'Delete them or give them to another account first; --force deletes the account all the same',
        },
      )
    }
    await deleteTagMappings(trx, canonicalId('account', uuid))
    return applyChanges(trx, account, { deleted_at: sqlTime(new Date()) })
  })
}

/** Lists the accounts, oldest first; deleted ones only with `deleted`. */
export async function listAccounts(registry: Registry, options: { deleted: boolean }): Promise<Account[]> {
  return (await selectAccounts(registry.database.knex, options)).map(present)
}

/**
 * Finds one account, deleted or not.
 *
 * @throws VdcError VALUE_REFUSED, ACCOUNT_NOT_FOUND.
 */
export async function showAccount(registry: Registry, id: string): Promise<Account> {
  const uuid = parseId('account', id)
  const row = await findAccount(registry.database.knex, uuid)
  if (row === undefined) throw notFound(uuid, 'vdc-manage account list shows the accounts')
  return present(row)
}

/**
 * Makes sure, within a unit of work, that an account may own something new.
 *
 * @param create adds the account where it is missing, as the web API does on first use.
 * @throws VdcError ACCOUNT_NOT_FOUND, ACCOUNT_DELETED, ACCOUNT_DISABLED.
 */
export async function requireOwner(db: Queryable, uuid: string, options: { create: boolean }): Promise<void> {
  const id = canonicalId('account', uuid)
  const account = await findAccount(db, uuid, { lock: 'share' })
  if (account === undefined) {
    if (!options.create)
      throw notFound(uuid, 'Add it on the way with --create-account; vdc-manage account list shows those there are')
    if (await isAccountUuidTaken(db, uuid)) {
      // There was none when it was looked for, or there is one in another case.
      if ((await findAccount(db, uuid)) !== undefined) throw lostRace(`the account ${id}`)
      throw new VdcError('ID_TAKEN', `The account id ${id} is taken by one that differs only in case`, {
        hint: 'vdc-manage account list shows the accounts',
      })
    }
    await createAccount(db, uuid, null)
    return
  }
  requireAlive(account)
  if (account.enabled !== 1) throw new VdcError('ACCOUNT_DISABLED', `The account ${id} is disabled`)
}

async function findToChange(db: Queryable, uuid: string): Promise<AccountRow> {
  const account = await findAccount(db, uuid, { lock: 'update' })
  if (account === undefined) throw notFound(uuid, 'vdc-manage account list shows the accounts')
  requireAlive(account)
  return account
}

async function applyChanges(db: Queryable, account: AccountRow, changes: Partial<AccountRow>): Promise<Account> {
  if (Object.keys(changes).length === 0) return present(account)
  const written = { ...changes, updated_at: sqlTime(new Date()) }
  await updateAccount(db, account.id, written)
  return present({ ...account, ...written })
}

function requireAlive(account: AccountRow): void {
  if (account.deleted_at === null) return
  throw new VdcError(
    'ACCOUNT_DELETED',
    `The account ${canonicalId('account', account.uuid)} was deleted at ${isoTime(account.deleted_at)}`,
  )
}

function requireOrdinary(uuid: string, deed: string): void {
  const id = canonicalId('account', uuid)
  if (SYSTEM_ACCOUNTS.includes(id)) throw new VdcError('SYSTEM_ACCOUNT', `The system account ${id} can not be ${deed}`)
}

/** The error for an account that isn't there. */
export function notFound(uuid: string, hint: string): VdcError {
  return new VdcError('ACCOUNT_NOT_FOUND', `There is no account ${canonicalId('account', uuid)}`, { hint })
}

async function createAccount(db: Queryable, uuid: string, description: string | null): Promise<Account> {
  const now = sqlTime(new Date())
  const row = { uuid, description, enabled: 1, created_at: now, updated_at: now, deleted_at: null, purged_at: null }
  await insertAccount(db, row)
  return present(row)
}

function present(row: Omit<AccountRow, 'id'>): Account {
  return {
    id: canonicalId('account', row.uuid),
    description: row.description,
    enabled: row.enabled === 1,
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
    deleted_at: isoTime(row.deleted_at),
  }
}
