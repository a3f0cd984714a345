import type { DatabaseSettings } from '../config.ts'
import { type Database, openDatabase, type SqlTrace } from '../db/database.ts'
import { generateUuid, type UuidGenerator } from './identifiers.ts'

/** The open registry: what every function of this folder works on. */
export interface Registry {
  readonly settings: DatabaseSettings
  readonly database: Database
  readonly generateUuid: UuidGenerator
  close(): Promise<void>
}

/** What may be told to whoever opens a registry. */
export interface RegistryOptions {
  /** Called when opening created an SQLite registry at this path. */
  onCreated?: (path: string) => void
  /** Called for every SQL statement, without its values. */
  trace?: SqlTrace | undefined
  /** Makes the ids of what is added; for tests that want collisions. */
  generateUuid?: UuidGenerator
}

/**
 * Opens the registry that lies in a database.
 *
 * @throws VdcError DATABASE_UNREACHABLE, DATABASE_REFUSED or SCHEMA_NEWER for
 *   an SQLite file; MySQL is connected to at the first query.
 */
export async function openRegistry(settings: DatabaseSettings, options: RegistryOptions = {}): Promise<Registry> {
  const database = await openDatabase(settings, options.trace)
  if (database.created && settings.engine === 'sqlite') options.onCreated?.(settings.path)
  return { settings, database, generateUuid: options.generateUuid ?? generateUuid, close: () => database.close() }
}
