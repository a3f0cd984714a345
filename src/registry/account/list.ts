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

/** Filters for a list of accounts. */
export type AccountChoice = z.input<typeof choice>
/** Filters, order and page for a list of accounts. */
export type AccountListRequest = AccountChoice & list.PageRequest

/** The sort keys for a list of accounts. */
export const ACCOUNT_SORT_KEYS = list.sortKeys(ACCOUNTS.keys, {
  created: 'created_at',
  updated: 'updated_at',
  deleted: 'deleted_at',
})

const LISTED = { listing: ACCOUNTS, kind: 'account', notFound: accountNotFound, keys: ACCOUNT_SORT_KEYS } as const

/**
 * Lists accounts in batches as the database delivers them. The default order is oldest first.
 *
 * @param keys names of the fields to read and return; undefined for all.
 * @throws VdcError VALUE_REFUSED if the request is not valid; ACCOUNT_NOT_FOUND if the
 *   account to start after does not exist.
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
 * Counts the accounts that `listAccounts` would return without a limit.
 *
 * @throws VdcError VALUE_REFUSED if the request is not valid.
 */
export async function countAccounts(registry: Registry, request: AccountChoice): Promise<number> {
  return ACCOUNTS.count(registry.database, chosenAccounts(request))
}

function chosenAccounts(request: AccountChoice): AccountSelection {
  const given = validate(choice, request)
  const matching = { description: list.patternOf('description', given.description) }
  return { ...list.selectionOf(given), matching, isEnabled: given.enabled }
}
