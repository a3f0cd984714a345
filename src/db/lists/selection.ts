import type { Knex } from 'knex'
import type { Database } from '../database.ts'
import { exact } from '../sql/exact-text.ts'
import { type Glob, whereGlob } from '../sql/glob.ts'

/** Which rows of a table with soft deletion: those that aren't deleted, those that are, or both. */
export type Life = 'alive' | 'deleted' | 'all'

/** What the lists have in common: which rows one holds. */
export interface Selection<C extends string = string> {
  life: Life
  /** Rows whose column holds exactly one of these values. */
  oneOf?: Readonly<Partial<Record<C, readonly string[] | undefined>>>
  /** Rows whose column matches. */
  matching?: Readonly<Partial<Record<C, Glob | undefined>>>
  /** Rows made at this time or later; `YYYY-MM-DD HH:MM:SS`. */
  createdFrom?: string | undefined
  /** Rows made before this time. */
  createdBefore?: string | undefined
  /** Rows that show one of these states (`shownState`); for tables that have states. */
  states?: readonly string[] | undefined
}

/** How a table tells what is deleted. */
export interface Living {
  /** Its name within the query. */
  alias: string
  /** States that say so as well as `deleted_at`; empty where it has no states. */
  deletedStates: readonly string[]
}

export const LIVING_ACCOUNTS: Living = { alias: 'a', deletedStates: [] }
export const LIVING_IMAGES: Living = { alias: 'i', deletedStates: ['deleted'] }
export const LIVING_OBJECTS: Living = { alias: 'o', deletedStates: ['deleted', 'purged'] }
export const LIVING_STORAGES: Living = { alias: 's', deletedStates: [] }

/** Keeps the rows of a query that a list holds. */
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

/** The state that is shown of a row, as an expression: a row with a time of deletion is deleted, whatever its state says. */
export function shownState(database: Database, { alias, deletedStates }: Living): Knex.Raw {
  const state = exact(database, `${alias}.state`)
  return database.knex.raw(
    `CASE WHEN ?? IS NOT NULL AND ? NOT IN (${marks(deletedStates)}) THEN 'deleted' ELSE ? END`,
    [`${alias}.deleted_at`, state, ...deletedStates, state],
  )
}

/** Keeps the rows of which a column holds exactly one of some values. */
export function whereOneOf(
  database: Database,
  query: Knex.QueryBuilder,
  column: string,
  values: readonly string[],
): void {
  query.whereIn(exact(database, column) as never, values)
}

/** Says whether some row of a table, deleted or not, holds exactly this value. */
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

function whereLife(database: Database, query: Knex.QueryBuilder, { alias, deletedStates }: Living, life: Life): void {
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
