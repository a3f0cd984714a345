import * as z from 'zod/mini'
import {
  ACCOUNT_ORDER_KEYS,
  type AccountOrderKey,
  type AccountSelection,
  countAccountRows,
  findAccountPosition,
  streamAccounts,
} from '../../db/account-list.ts'
import type { Page } from '../../db/order.ts'
import { parseId } from '../identifiers.ts'
import * as list from '../list-request.ts'
import type { Registry } from '../registry.ts'
import { validate } from '../validate.ts'
import { type Account, presentAccount } from './details.ts'
import { accountNotFound } from './find.ts'

const choice = z.object({
  ...list.choice,
  /** A pattern (`parseGlob`). */
  description: z.optional(z.string()),
  enabled: z.optional(z.boolean()),
})
const pageRequest = z.object(list.page)

/** Which accounts to list. */
export type AccountChoice = z.input<typeof choice>
/** Which accounts to list, in which order, and which part of that. */
export type AccountListRequest = AccountChoice & z.input<typeof pageRequest>

/** What a list of accounts can be sorted by. */
const SORT_KEYS = list.sortKeys(ACCOUNT_ORDER_KEYS, {
  created: 'created_at',
  updated: 'updated_at',
  deleted: 'deleted_at',
})

/**
 * Lists the accounts as the database delivers them, without another order oldest first.
 *
 * @throws VdcError VALUE_REFUSED; ACCOUNT_NOT_FOUND for one to go on behind.
 */
export async function* listAccounts(registry: Registry, request: AccountListRequest): AsyncGenerator<Account> {
  const selection = chosenAccounts(request)
  const page = await accountPage(registry, request)
  for await (const row of streamAccounts(registry.database, selection, page)) yield presentAccount(row)
}

/**
 * Counts the accounts that `listAccounts` would list without a limit.
 *
 * @throws VdcError VALUE_REFUSED.
 */
export async function countAccounts(registry: Registry, request: AccountChoice): Promise<number> {
  return countAccountRows(registry.database, chosenAccounts(request))
}

function chosenAccounts(request: AccountChoice): AccountSelection {
  const given = validate(choice, request)
  const matching = { description: list.patternOf('description', given.description) }
  return { ...list.selectionOf(given), matching, isEnabled: given.enabled }
}

async function accountPage(registry: Registry, request: AccountListRequest): Promise<Page<AccountOrderKey>> {
  return list.pageOf(validate(pageRequest, request), SORT_KEYS, async (order, id) => {
    const uuid = parseId('account', id)
    const position = await findAccountPosition(registry.database, order, uuid)
    if (position === undefined) throw accountNotFound(uuid)
    return position
  })
}
