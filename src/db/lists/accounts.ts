import type { AccountRow } from '../tables/rows.ts'
import { type Listing, listing } from './listing.ts'
import { number, text, time } from './order.ts'
import { LIVING_ACCOUNTS, type Selection, whereSelected } from './selection.ts'

/** Selects the accounts of a list. */
export interface AccountSelection extends Selection<'description'> {
  isEnabled?: boolean | undefined
}

const COLUMNS = {
  id: text('a.uuid'),
  description: text('a.description'),
  enabled: number('a.enabled'),
  created_at: time('a.created_at'),
  updated_at: time('a.updated_at'),
  deleted_at: time('a.deleted_at'),
}

/** Lists accounts. */
export const ACCOUNTS: Listing<AccountRow, AccountSelection, keyof typeof COLUMNS> = listing({
  table: 'accounts',
  alias: 'a',
  columns: COLUMNS,
  choose(database, query, selection) {
    whereSelected(database, query, LIVING_ACCOUNTS, selection)
    if (selection.isEnabled !== undefined) query.where('a.enabled', selection.isEnabled ? '=' : '<>', 1)
  },
})
