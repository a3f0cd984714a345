import type { Knex } from 'knex'
import { type Database, streamRows } from './database.ts'
import {
  findPosition,
  number,
  type OrderBy,
  type OrderColumn,
  type Ordered,
  type Page,
  type Position,
  text,
  time,
  whereOnPage,
} from './order.ts'
import type { AccountRow } from './rows.ts'
import { countRows, LIVING_ACCOUNTS, type Selection, whereSelected } from './selection.ts'

/** Which accounts a list holds. */
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
} satisfies Readonly<Record<string, OrderColumn>>
const ORDERED: Ordered<AccountOrderKey> = { alias: 'a', columns: COLUMNS }

/** What accounts can be ordered by. */
export type AccountOrderKey = keyof typeof COLUMNS
export const ACCOUNT_ORDER_KEYS = Object.keys(COLUMNS) as AccountOrderKey[]

/** Streams a list of accounts as the database delivers them; without an order, oldest first. */
export async function* streamAccounts(
  database: Database,
  selection: AccountSelection,
  page: Page<AccountOrderKey>,
): AsyncGenerator<AccountRow> {
  const query = accounts(database).select('a.*')
  whereChosen(database, query, selection)
  whereOnPage(database, query, ORDERED, page)
  yield* streamRows<AccountRow>(database, query)
}

/** How many accounts a selection holds. */
export async function countAccountRows(database: Database, selection: AccountSelection): Promise<number> {
  const query = accounts(database)
  whereChosen(database, query, selection)
  return countRows(query)
}

/** Where an order places an account, chosen or not; undefined where there is none with exactly this uuid. */
export async function findAccountPosition(
  database: Database,
  order: readonly OrderBy<AccountOrderKey>[],
  uuid: string,
): Promise<Position | undefined> {
  return findPosition(database, accounts(database), ORDERED, order, uuid)
}

function accounts(database: Database): Knex.QueryBuilder {
  return database.knex('accounts as a')
}

function whereChosen(database: Database, query: Knex.QueryBuilder, selection: AccountSelection): void {
  whereSelected(database, query, LIVING_ACCOUNTS, selection)
  if (selection.isEnabled !== undefined) query.where('a.enabled', selection.isEnabled ? '=' : '<>', 1)
}
