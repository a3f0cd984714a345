import type { DatabaseSettings } from '../config/config.ts'
import type { ServiceTypes } from '../config/dcmgr-conf.ts'
import type { Database } from '../db/database.ts'
import { allTogether, byStatement } from '../db/transactions/unit-of-work.ts'
import type { Change } from './change.ts'
import type { UuidGenerator } from './rules/identifiers.ts'

export type { Progress, Watcher } from '../disk/watcher.ts'

/** An open registry, which every function in this folder takes. */
export interface Registry {
  readonly settings: DatabaseSettings
  readonly database: Database
  readonly generateUuid: UuidGenerator
  /** Service types in dcmgr.conf; undefined if this host has no Wakame-vdc installation. */
  readonly serviceTypes: ServiceTypes | undefined
  /** Prints a warning; the command continues. */
  warn(text: string): void
  /** Prints a warning only the first time, however many commands a shell runs. */
  warnOnce(text: string): void
  /** After the commit, records that a folder of this host holds images (`noteImageFolder`). */
  noteImageFolder(path: string, options: { below: boolean }): Promise<void>
  /** Set in a dry run, which writes nothing: called for each change that would be made. */
  readonly onChange?: ((change: Change) => void) | undefined
  close(): Promise<void>
}

/**
 * Runs `work` on a registry whose changes are all committed together at the end, or not
 * at all. `work` may run again from its start (`inTransaction`).
 *
 * @param options.once never run `work` again.
 * @throws VdcError the error of `work`; COMMIT_UNCERTAIN.
 */
export async function withAllTogether<T>(
  registry: Registry,
  work: (together: Registry) => Promise<T>,
  options: { once: boolean },
): Promise<T> {
  // Folders are recorded after the commit, so that a rollback adds none.
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

/** Returns a registry that commits every statement on its own: a failure leaves earlier statements committed. */
export function withoutTransactions(registry: Registry): Registry {
  return { ...registry, database: byStatement(registry.database) }
}
