import type { Knex } from 'knex'
import type { Database } from '../database.ts'
import { exact } from '../sql/exact-text.ts'
import { type Glob, whereGlob } from '../sql/glob.ts'

/** Selects rows by deletion: rows that are not deleted, rows that are, or both. */
export type Life = 'alive' | 'deleted' | 'all'

/** Selects rows of any list. */
export interface Selection<C extends string = string> {
  life: Life
  /** Only rows whose column is exactly one of these values. */
  oneOf?: Readonly<Partial<Record<C, readonly string[] | undefined>>>
  /** Only rows whose column matches. */
  matching?: Readonly<Partial<Record<C, Glob | undefined>>>
  /** Only rows created at this time or later; `YYYY-MM-DD HH:MM:SS`. */
  createdFrom?: string | undefined
  /** Only rows created before this time; `YYYY-MM-DD HH:MM:SS`. */
  createdBefore?: string | undefined
  /** Only rows with one of these states, as `shownState` returns them; for tables with states. */
  states?: readonly string[] | undefined
}

/** How a table marks deleted rows. */
export interface Living {
  /** The alias of the table within the query. */
  alias: string
  /** States of rows that are deleted even without `deleted_at`; empty if the table has no states. */
  deletedStates: readonly string[]
}

/** How `accounts` marks deleted rows. */
export const LIVING_ACCOUNTS: Living = { alias: 'a', deletedStates: [] }
/** How `images` marks deleted rows. */
export const LIVING_IMAGES: Living = { alias: 'i', deletedStates: ['deleted'] }
/** How `backup_objects` marks deleted rows. */
export const LIVING_OBJECTS: Living = { alias: 'o', deletedStates: ['deleted', 'purged'] }
/** How `backup_storages` marks deleted rows. */
export const LIVING_STORAGES: Living = { alias: 's', deletedStates: [] }

/** Restricts a query to the rows of a selection. */
export function whereSelected<C extends string>(
  database: Database,
  query: Knex.QueryBuilder,
  living: Living,
  selection: Selection<C>,
): void {
  const { alias } = living
  whereLife(database, query, living, selection.life)
  for (const [column, values] of Object.entries<readonly string[] | undefined>(selection.oneOf ?? {})) {
    if (values !== undefined) whereOneOf(database, query, `${alias}.${column}`, values)
  }
  for (const [column, glob] of Object.entries<Glob | undefined>(selection.matching ?? {})) {
    if (glob !== undefined) whereGlob(database, query, `${alias}.${column}`, glob)
  }
  if (selection.createdFrom !== undefined) query.where(`${alias}.created_at`, '>=', selection.createdFrom)
  if (selection.createdBefore !== undefined) query.where(`${alias}.created_at`, '<', selection.createdBefore)
  if (selection.states !== undefined) query.whereIn(shownState(database, living) as never, selection.states)
}

/** Returns an expression for the state to show: `deleted` for a row with `deleted_at`, unless its own state means that. */
export function shownState(database: Database, { alias, deletedStates }: Living): Knex.Raw {
  const state = exact(database, `${alias}.state`)
  return database.knex.raw(
    `CASE WHEN ?? IS NOT NULL AND ? NOT IN (${marks(deletedStates)}) THEN 'deleted' ELSE ? END`,
    [`${alias}.deleted_at`, state, ...deletedStates, state],
  )
}

/** Restricts a query to rows whose column is exactly one of the values. */
export function whereOneOf(
  database: Pick<Database, 'knex'>,
  query: Knex.QueryBuilder,
  column: string,
  values: readonly string[],
): void {
  query.whereIn(exact(database, column) as never, values)
}

/** Returns true if any row of a table, deleted or not, has exactly this value. */
export async function isValueInUse(
  database: Database,
  table: 'images' | 'backup_objects' | 'backup_storages',
  column: string,
  value: string,
): Promise<boolean> {
  const query = database.knex(table)
  whereOneOf(database, query, column, [value])
  return (await query.first('id')) !== undefined
}

/** Restricts a query to rows that are not deleted, or that are. */
export function whereLife(
  database: Pick<Database, 'knex'>,
  query: Knex.QueryBuilder,
  { alias, deletedStates }: Living,
  life: Life,
): void {
  if (life === 'all') return
  const deletedAt = `${alias}.deleted_at`
  const state = exact(database, `${alias}.state`)
  if (life === 'alive') {
    query.whereNull(deletedAt)
    if (deletedStates.length > 0) query.whereNotIn(state as never, deletedStates)
    return
  }
  query.where((either) => {
    either.whereNotNull(deletedAt)
    if (deletedStates.length > 0) either.orWhereIn(state as never, deletedStates)
  })
}

function marks(values: readonly string[]): string {
  return values.map(() => '?').join(', ')
}
