import type * as z from 'zod/mini'
import type { Database, Queryable } from '../../db/database.ts'
import type { importConflict } from '../results/import.ts'
import type { BegunHistories } from './begun-histories.ts'

/** What is there already and is something else. */
export type ImportConflict = z.output<typeof importConflict>

/** What the parts of an import share. */
export interface Importing {
  /** In whose transaction all of it happens. */
  database: Database
  db: Queryable
  histories: BegunHistories
  conflict(conflict: ImportConflict): void
  /** Ids of what is referred to and isn't there, by what refers to it. */
  missing: Map<string, Set<string>>
}
