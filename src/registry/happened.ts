import type { Queryable } from '../db/database.ts'
import { valuePresenter } from './history/values.ts'
import type { Kind } from './rules/identifiers.ts'

/** A changed attribute or label, with values as details show them; null for none. */
export interface ChangedField {
  name: string
  old: unknown
  value: unknown
}

/** What a command did with a thing, or why it did nothing. It is told to people only, beside the result. */
export type Happened = {
  kind: Kind | 'imageFolder'
  /** The canonical ID; for a folder, its path. */
  id: string
  name?: string | undefined
} & (
  | { what: 'protected' | 'unprotected' | 'trusted' | 'untrusted' }
  | {
      what: 'deleted' | 'restored'
      /** Canonical IDs of the backup objects that were deleted or restored with it. */
      objects?: readonly string[] | undefined
    }
  | { what: 'changed' | 'labelled'; fields: readonly ChangedField[] }
  | { what: 'unchanged'; why: 'same values' | 'deleted' | 'missing' | 'trusted' }
)

/** A result, and what happened to the thing; undefined if there is nothing to tell. */
export interface Told<T> {
  result: T
  happened: Happened | undefined
}

/** Returns what happened to a thing whose columns were changed. `changes` are those that differ (`changesOf`). */
export async function changeOf<R extends object>(
  db: Queryable,
  thing: Pick<Happened, 'kind' | 'id' | 'name'>,
  row: R,
  changes: Partial<R>,
): Promise<Happened> {
  const textOf = (value: unknown) => (value === null || value === undefined ? null : String(value))
  const changed = Object.entries(changes).map(([name, value]) => {
    return { name, old: textOf(row[name as keyof R]), value: textOf(value) }
  })
  if (changed.length === 0) return { ...thing, what: 'unchanged', why: 'same values' }
  const present = await valuePresenter(
    db,
    changed.flatMap(({ name, old, value }) => [old, value].map((each) => ({ attr: name, value: each }))),
  )
  const fields: ChangedField[] = []
  for (const { name, old, value } of changed)
    fields.push({ name, old: await present(name, old), value: await present(name, value) })
  return { ...thing, what: 'changed', fields }
}

/** Returns what happened to an image whose labels were changed. */
export function labellingOf(thing: Pick<Happened, 'kind' | 'id' | 'name'>, changed: readonly ChangedField[]): Happened {
  return changed.length === 0
    ? { ...thing, what: 'unchanged', why: 'same values' }
    : { ...thing, what: 'labelled', fields: changed }
}
