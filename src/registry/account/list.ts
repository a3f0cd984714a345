import * as z from 'zod/mini'
import { ACCOUNTS, type AccountSelection } from '../../db/lists/accounts.ts'
import * as list from '../list-request.ts'
import { presenting } from '../presentation.ts'
import type { Registry } from '../registry.ts'
import { validate } from '../rules/validate.ts'
import { ACCOUNT, type Account } from './details.ts'
import { accountNotFound } from './find.ts'

const choice = z.object({
  ...list.choice,
  /** A pattern (`parseGlob`). */
  description: z.optional(z.string()),
  enabled: z.optional(z.boolean()),
})

/** Which accounts to list. */
export type AccountChoice = z.input<typeof choice>
/** Which accounts to list, in which order, and which part of that. */
export type AccountListRequest = AccountChoice & list.PageRequest

/** What a list of accounts can be sorted by. */
export const ACCOUNT_SORT_KEYS = list.sortKeys(ACCOUNTS.keys, {
  created: 'created_at',
  updated: 'updated_at',
  deleted: 'deleted_at',
})

const LISTED = { listing: ACCOUNTS, kind: 'account', notFound: accountNotFound, keys: ACCOUNT_SORT_KEYS } as const

/**
 * Lists the accounts in batches as the database delivers them, without another order oldest first.
 *
 * @param keys what of an account is read and listed; undefined for all.
 * @throws VdcError VALUE_REFUSED; ACCOUNT_NOT_FOUND for one to go on behind.
 */
export async function* listAccounts(
  registry: Registry,
  request: AccountListRequest,
  keys?: readonly string[],
): AsyncGenerator<Account[]> {
  const selection = chosenAccounts(request)
  const page = await list.pageOf(registry, LISTED, request)
  const { fields, present } = presenting(ACCOUNT, keys)
  for await (const rows of ACCOUNTS.stream(registry.database, selection, page, fields)) yield rows.map(present)
}

/**
 * Counts the accounts that `listAccounts` would list without a limit.
 *
 * @throws VdcError VALUE_REFUSED.
 */
export async function countAccounts(registry: Registry, request: AccountChoice): Promise<number> {
  return ACCOUNTS.count(registry.database, chosenAccounts(request))
}

function chosenAccounts(request: AccountChoice): AccountSelection {
  const given = validate(choice, request)
  const matching = { description: list.patternOf('description', given.description) }
  return { ...list.selectionOf(given), matching, isEnabled: given.enabled }
}
