import { Interruption } from '../../core/interruption.ts'
import type { DryRunOptions } from '../../registry/open.ts'
import type { Registry } from '../../registry/registry.ts'
import { warningText } from '../errors/report-error.ts'
import { usedParts } from '../start/used-parts.ts'
import { writeNote } from '../terminal/output.ts'

/** Whether to print debug output, such as SQL, to stderr. Each command sets it. */
export const debugging = { on: false }

/**
 * Opens the registry that the environment names.
 *
 * @param interruption interrupts running statements.
 * @param dryRun if given, nothing is written.
 * @throws VdcError CONFIG_REFUSED, DATABASE_…, SCHEMA_….
 */
export async function openConfigured(interruption?: Interruption, dryRun?: DryRunOptions): Promise<Registry> {
  const { describeDatabase, loadDatabaseSettings, loadServiceTypes } = await import('../../config/config.ts')
  const settings = loadDatabaseSettings(process.env)
  usedParts.add(settings.engine)
  if (settings.engine === 'sqlite' && settings.ignored !== undefined) {
    await writeNote(warningText(`${settings.ignored}; using the embedded registry ${settings.path}`))
  }
  if (debugging.on) await writeNote(`database: ${describeDatabase(settings)}`)
  const { openRegistry } = await import('../../registry/open.ts')
  return openRegistry(settings, {
    interruption,
    dryRun,
    serviceTypes: loadServiceTypes(process.env),
    onWarning: (text) => void writeNote(warningText(text)),
    onCreated: (path) => {
      if (settings.engine === 'sqlite' && settings.embedded) {
        void writeNote(
          `Created the embedded registry ${path}; to use MySQL, set VDC_MANAGE_DATABASE_URI=mysql://user@host/wakame_dcmgr`,
        )
      }
    },
    trace: (sql) => {
      if (debugging.on) void writeNote(`sql: ${sql}`)
    },
  })
}

/** Milliseconds that completion waits for another process's lock on an SQLite file. */
const LOCK_TIMEOUT = 80

/** The registry that all commands of a shell share over one connection. The first command that needs it opens it. */
export class SharedRegistry {
  /** Interrupts a command, in the database or elsewhere, with nothing half done. Reset before the next command. */
  readonly interruption = new Interruption()
  #opening: Promise<Registry> | undefined
  #readOnly: Registry | undefined
  #replacement: Registry | undefined

  /** Returns the registry for commands. */
  async get(): Promise<Registry> {
    return this.#replacement ?? (await this.open())
  }

  /**
   * Returns the registry for reading only, for completion. An SQLite file that no command has opened
   * yet is neither created nor migrated.
   *
   * @returns undefined if the SQLite file does not exist or has no tables yet.
   */
  async getToRead(): Promise<Registry | undefined> {
    if (this.#opening !== undefined) return this.get()
    const { loadDatabaseSettings } = await import('../../config/config.ts')
    const settings = loadDatabaseSettings(process.env)
    if (settings.engine !== 'sqlite') return this.get()
    const { openRegistryToRead } = await import('../../registry/open.ts')
    this.#readOnly ??= await openRegistryToRead(settings, { patience: LOCK_TIMEOUT, interruption: this.interruption })
    return this.#readOnly
  }

  /** Opens the registry, unless it is open. */
  open(): Promise<Registry> {
    const opening = this.#opening ?? openConfigured(this.interruption)
    this.#opening = opening
    // The next command tries again.
    opening.catch(() => {
      this.#opening = undefined
    })
    return opening
  }

  /** Gives commands another registry, such as one whose changes are committed together; undefined ends that. */
  replace(registry: Registry | undefined): void {
    this.#replacement = registry
  }

  /** Gives commands a registry that commits every statement by itself. */
  async replaceWithoutTransactions(): Promise<void> {
    const { withoutTransactions } = await import('../../registry/registry.ts')
    this.replace(withoutTransactions(await this.open()))
  }

  /** True if all changes are committed together, so that an error of the transaction undoes all of them. */
  get isTogether(): boolean {
    return this.#replacement?.database.commits === 'outer'
  }

  async close(): Promise<void> {
    const registry = await this.#opening?.catch(() => undefined)
    await registry?.close().catch(() => {})
    await this.#readOnly?.close().catch(() => {})
  }
}

let shared: SharedRegistry | undefined

/** Makes all commands of this process share a registry; undefined ends that. */
export function shareRegistry(registry: SharedRegistry | undefined): void {
  shared = registry
}

/** Returns the registry that commands share; undefined outside a shell. */
export function sharedRegistry(): SharedRegistry | undefined {
  return shared
}
