import type { Interruption } from '../../core/interruption.ts'
import type { DryRunOptions } from '../../registry/open.ts'
import type { Registry } from '../../registry/registry.ts'
import { warningText } from '../errors/report-error.ts'
import { usedParts } from '../start/used-parts.ts'
import { writeErr, writeNote } from '../terminal/output.ts'

/** How to open the registry. */
interface OpenOptions {
  /** Interrupts running statements. */
  interruption: Interruption
  /** Returns true if debug output, such as SQL, is to be printed to stderr now. */
  isDebugging: () => boolean
  /** If given, nothing is written. */
  dryRun?: DryRunOptions | undefined
  /** If true, an SQLite file is neither created nor migrated. */
  isReadOnly?: boolean
}

/**
 * Opens the registry that the environment names.
 *
 * @throws VdcError CONFIG_REFUSED, DATABASE_…, SCHEMA_….
 */
export async function openConfigured({
  interruption,
  isDebugging,
  dryRun,
  isReadOnly,
}: OpenOptions): Promise<Registry> {
  const { describeDatabase, loadDatabaseSettings, loadServiceTypes } = await import('../../config/config.ts')
  const settings = loadDatabaseSettings(process.env)
  usedParts.add(settings.engine)
  if (settings.engine === 'sqlite' && settings.ignored !== undefined) {
    await writeNote(warningText(`${settings.ignored}; using the embedded registry ${settings.path}`))
  }
  if (isDebugging()) await writeNote(`database: ${describeDatabase(settings)}`)
  const { openRegistry } = await import('../../registry/open.ts')
  return openRegistry(settings, {
    interruption,
    dryRun,
    isReadOnly,
    serviceTypes: loadServiceTypes(process.env),
    onWarning: (text) => void writeNote(warningText(text)),
    onCreated: (path) => {
      void writeNote(
        settings.engine === 'sqlite' && settings.embedded
          ? `Created the embedded registry ${path}; to use MySQL, set VDC_MANAGE_DATABASE_URI=mysql://user@host/wakame_dcmgr`
          : // The path may be a typo.
            `Created a new registry: ${path}`,
      )
    },
    trace: (sql) => {
      if (isDebugging()) void writeErr(`sql: ${sql}`)
    },
  })
}

/** Milliseconds to wait for another process's lock on an SQLite file. */
const LOCK_TIMEOUT = 2_000

/**
 * Opens the registry that the environment names, for reading.
 *
 * @returns undefined if the SQLite file does not exist.
 * @throws VdcError CONFIG_REFUSED, DATABASE_…, SCHEMA_….
 */
export async function openToRead(interruption: Interruption | undefined): Promise<Registry | undefined> {
  const { loadDatabaseSettings } = await import('../../config/config.ts')
  const settings = loadDatabaseSettings(process.env)
  usedParts.add(settings.engine)
  const { openRegistryToRead } = await import('../../registry/open.ts')
  return openRegistryToRead(settings, { patience: LOCK_TIMEOUT, interruption })
}
