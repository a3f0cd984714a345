import type { DatabaseSettings } from '../config/config.ts'
import type { ServiceTypes } from '../config/dcmgr-conf.ts'
import type { Interruption } from '../core/interruption.ts'
import { openDatabase, openDatabaseToRead, type SqlTrace } from '../db/open.ts'
import type { Change } from './change.ts'
import { withDryRun } from './dry-run.ts'
import type { Registry } from './registry.ts'
import { generateUuid, type UuidGenerator } from './rules/identifiers.ts'
import { warningsOnce } from './warnings.ts'

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
