import type { DatabaseSettings } from '../config/config.ts'
import type { ServiceTypes } from '../config/dcmgr-conf.ts'
import type { Interruption } from '../core/interruption.ts'
import type { SqliteFile } from '../db/database.ts'
import { openDatabase, openDatabaseToRead, type SqlTrace } from '../db/open.ts'
import type { Change } from './change.ts'
import { withDryRun } from './dry-run.ts'
import type { Registry } from './registry.ts'
import { generateUuid, type UuidGenerator } from './rules/identifiers.ts'
import { warningsOnce } from './warnings.ts'

/** Options for `openRegistry`. */
export interface RegistryOptions {
  /** Called when opening created an SQLite registry at this path. */
  onCreated?: (path: string) => void
  /** Service types in dcmgr.conf. */
  serviceTypes?: ServiceTypes | undefined
  onWarning?: (text: string) => void
  /** Called for every SQL statement, without its values. */
  trace?: SqlTrace | undefined
  /** When requested, stops running database work and rolls it back. */
  interruption?: Interruption | undefined
  /** Generates the IDs of new rows; tests use it to provoke collisions. */
  generateUuid?: UuidGenerator
  /** If true, an SQLite file is neither created nor migrated, whatever it lacks. */
  isReadOnly?: boolean | undefined
  /** If set, nothing is written, and an SQLite file is neither created nor migrated. */
  dryRun?: DryRunOptions | undefined
}

/** Options for a dry run. */
export interface DryRunOptions {
  onChange: (change: Change) => void
  /** Opens an SQLite file that lacks migrations instead of refusing it; for commands that manage the schema. */
  anySchema?: boolean
}

/**
 * Opens the registry in a database. An SQLite file is created and migrated as needed;
 * MySQL is connected to on the first query.
 *
 * @throws VdcError DATABASE_UNREACHABLE, DATABASE_REFUSED or SCHEMA_NEWER for an SQLite
 *   file; in a dry run, SCHEMA_MISSING for an SQLite file that lacks migrations.
 */
export async function openRegistry(settings: DatabaseSettings, options: RegistryOptions = {}): Promise<Registry> {
  const { trace, interruption, dryRun } = options
  const database = await openDatabase(settings, { trace, interruption, sqliteFile: sqliteFileFor(options) })
  if (database.created && settings.engine === 'sqlite' && !dryRun) options.onCreated?.(settings.path)
  const warned = new Set<string>()
  const warnings = warningsOnce((text) => options.onWarning?.(text))
  const registry: Registry = {
    settings,
    database: { ...database, onTry: warnings.onTry },
    generateUuid: options.generateUuid ?? generateUuid,
    serviceTypes: options.serviceTypes,
    warn: warnings.warn,
    warnOnce(text) {
      if (!warned.has(text)) registry.warn(text)
      warned.add(text)
    },
    noteImageFolder: async (path, options) =>
      (await import('./image-folders.ts')).noteImageFolder(path, options, registry.warn),
    close: () => database.close(),
  }
  return dryRun === undefined ? registry : withDryRun(registry, dryRun.onChange)
}

function sqliteFileFor({ dryRun, isReadOnly }: RegistryOptions): SqliteFile {
  if (isReadOnly) return 'leave'
  if (dryRun === undefined) return 'make'
  return dryRun.anySchema ? 'leave' : 'imitate'
}

/**
 * Opens the registry in a database for reading: nothing is created, migrated or written.
 *
 * @param options.patience milliseconds to wait for another process that has locked an SQLite file.
 * @returns undefined if the SQLite file does not exist.
 * @throws VdcError the errors of `openRegistry`.
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
