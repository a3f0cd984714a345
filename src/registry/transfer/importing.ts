import type * as z from 'zod/mini'
import type { Database, Queryable } from '../../db/database.ts'
import type { importConflict } from '../results/import.ts'
import type { BegunHistories } from './begun-histories.ts'

/** An entry that exists in the registry but differs from the imported one. */
export type ImportConflict = z.output<typeof importConflict>

/** The state shared by the parts of an import. */
export interface Importing {
  /** Runs its statements in the transaction of the import. */
  database: Database
  /** The transaction of the import. */
  db: Queryable
  histories: BegunHistories
  /** Records a conflict. The import goes on, to find the others, and is then undone. */
  conflict(conflict: ImportConflict): void
  /** IDs of missing things to which imported ones refer, by the text of the warning. */
  missing: Map<string, Set<string>>
}
