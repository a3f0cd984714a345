import * as z from 'zod/mini'
import { findAccount, insertAccount, isAccountUuidTaken, selectAccounts } from '../db/accounts.ts'
import type { Queryable } from '../db/database.ts'
import type { AccountRow } from '../db/rows.ts'
import { isoTime, sqlTime } from '../db/time.ts'
import { inTransaction, lostRace } from '../db/unit-of-work.ts'
import { VdcError } from '../errors.ts'
import { canonicalId, parseId } from './identifiers.ts'
import type { Registry } from './registry.ts'
import { line, orNull } from './texts.ts'
import { validate } from './validate.ts'

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
  const givenUuid = given === undefined ? undefined : parseId('account', given)
  return inTransaction(registry.database, async (trx) => {
    if (givenUuid !== undefined && (await isAccountUuidTaken(trx, givenUuid))) {
      throw new VdcError('ID_TAKEN', `The account id ${canonicalId('account', givenUuid)} is taken`, {
        hint: 'An id stays taken for ever, also when its account was deleted; leave --uuid out to get a new one',
      })
    }
    return createAccount(trx, givenUuid ?? registry.generateUuid(), description)
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
  const account = await findAccount(db, uuid, { lock: true })
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
  if (account.deleted_at !== null)
    throw new VdcError('ACCOUNT_DELETED', `The account ${id} was deleted at ${isoTime(account.deleted_at)}`)
  if (account.enabled !== 1) throw new VdcError('ACCOUNT_DISABLED', `The account ${id} is disabled`)
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
