import type { DatabaseSettings } from '../config/config.ts'
import type { ServiceTypes } from '../config/dcmgr-conf.ts'
import type { Database } from '../db/database.ts'
import { allTogether, byStatement } from '../db/transactions/unit-of-work.ts'
import type { Change } from './change.ts'
import type { UuidGenerator } from './rules/identifiers.ts'

export type { Progress, Watcher } from '../disk/watcher.ts'

/** The open registry: what every function of this folder works on. */
export interface Registry {
  readonly settings: DatabaseSettings
  readonly database: Database
  readonly generateUuid: UuidGenerator
  /** Those of the installation; undefined where there is none on this host. */
  readonly serviceTypes: ServiceTypes | undefined
  /** Tells of what is done all the same, or shown as far as it can be. */
  warn(text: string): void
  /** The same, of what is told once, however many commands a shell runs. */
  warnOnce(text: string): void
  /** Notes, after the commit, that a folder of this host holds images (`noteImageFolder`). */
  noteImageFolder(path: string, options: { below: boolean }): Promise<void>
  /** Set in a dry run, in which nothing is written: told what would be. */
  readonly onChange?: ((change: Change) => void) | undefined
  close(): Promise<void>
}

/**
 * Runs `work` on a registry of which all changes are committed together at its
 * end, or none. It may be run again from its start (`inTransaction`).
 *
 * @param options.once it may not.
 * @throws VdcError what `work` threw; COMMIT_UNCERTAIN.
 */
export async function withAllTogether<T>(
  registry: Registry,
  work: (together: Registry) => Promise<T>,
  options: { once: boolean },
): Promise<T> {
  // Noted after the commit, so that an undone unit of work adds no folder.
  let folders: Parameters<Registry['noteImageFolder']>[] = []
  const noteImageFolder: Registry['noteImageFolder'] = async (...folder) => void folders.push(folder)
  const result = await allTogether(
    registry.database,
    (database) => {
      folders = []
      return work({ ...registry, database, noteImageFolder })
    },
    options,
  )
  for (const folder of folders) await registry.noteImageFolder(...folder)
  return result
}

/** The same registry, on which every statement is committed by itself: what fails half-way stays so. */
export function withoutTransactions(registry: Registry): Registry {
  return { ...registry, database: byStatement(registry.database) }
}
