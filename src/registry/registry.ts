import type { DatabaseSettings } from '../config.ts'
import { type Database, openDatabase, openDatabaseToRead, type SqlTrace } from '../db/database.ts'
import { allTogether, byStatement } from '../db/unit-of-work.ts'
import type { ServiceTypes } from '../dcmgr-conf.ts'
import type { Interruption } from '../interruption.ts'
import { type Change, withDryRun } from './dry-run.ts'
import { generateUuid, type UuidGenerator } from './identifiers.ts'
import { warningsOnce } from './warnings.ts'

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

/** What may be told to whoever opens a registry. */
export interface RegistryOptions {
  /** Called when opening created an SQLite registry at this path. */
  onCreated?: (path: string) => void
  serviceTypes?: ServiceTypes | undefined
  onWarning?: (text: string) => void
  /** Called for every SQL statement, without its values. */
  trace?: SqlTrace | undefined
  /** Requested, it ends what runs in the database, with nothing half done. */
  interruption?: Interruption | undefined
  /** Makes the ids of what is added; for tests that want collisions. */
  generateUuid?: UuidGenerator
  /** Given, nothing is written, and an SQLite file neither made nor migrated. */
  dryRun?: DryRunOptions | undefined
}

/** How a registry is opened for a dry run. */
export interface DryRunOptions {
  onChange: (change: Change) => void
  /** For what is about the schema itself: an SQLite file that lacks migrations is opened as it is, not refused. */
  anySchema?: boolean
}

/**
 * Opens the registry that lies in a database.
 *
 * @throws VdcError DATABASE_UNREACHABLE, DATABASE_REFUSED or SCHEMA_NEWER for
 *   an SQLite file; MySQL is connected to at the first query. In a dry run
 *   SCHEMA_MISSING for an SQLite file that lacks migrations.
 */
export async function openRegistry(settings: DatabaseSettings, options: RegistryOptions = {}): Promise<Registry> {
  const { trace, interruption, dryRun } = options
  const sqliteFile = dryRun === undefined ? 'make' : dryRun.anySchema ? 'leave' : 'imitate'
  const database = await openDatabase(settings, { trace, interruption, sqliteFile })
  if (database.created && settings.engine === 'sqlite' && !dryRun) options.onCreated?.(settings.path)
  const told = new Set<string>()
  const warnings = warningsOnce((text) => options.onWarning?.(text))
  const registry: Registry = {
    settings,
    database: { ...database, onTry: warnings.onTry },
    generateUuid: options.generateUuid ?? generateUuid,
    serviceTypes: options.serviceTypes,
    warn: warnings.warn,
    warnOnce(text) {
      if (!told.has(text)) registry.warn(text)
      told.add(text)
    },
    noteImageFolder: async (path, options) =>
      (await import('./image-folders.ts')).noteImageFolder(path, options, registry.warn),
    close: () => database.close(),
  }
  return dryRun === undefined ? registry : withDryRun(registry, dryRun.onChange)
}

/**
 * Opens the registry that lies in a database for somebody who only looks:
 * nothing is created, migrated or written.
 *
 * @param options.patience milliseconds to wait for another process that has an SQLite file for itself.
 * @returns undefined where an SQLite file is not there yet.
 * @throws VdcError as `openRegistry`.
 */
export async function openRegistryToRead(
  settings: DatabaseSettings,
  options: { patience: number; interruption?: Interruption | undefined },
): Promise<Registry | undefined> {
  const database = await openDatabaseToRead(settings, options)
  if (database === undefined) return undefined
  return {
    settings,
    database,
    generateUuid,
    serviceTypes: undefined,
    warn: () => {},
    warnOnce: () => {},
    noteImageFolder: async () => {},
    close: () => database.close(),
  }
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
