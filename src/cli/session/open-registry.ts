import { Interruption } from '../../core/interruption.ts'
import type { DryRunOptions } from '../../registry/open.ts'
import type { Registry } from '../../registry/registry.ts'
import { warningText } from '../errors/report-error.ts'
import { usedParts } from '../start/used-parts.ts'
import { writeNote } from '../terminal/output.ts'

/** Whether SQL and the like is told on stderr; a command sets it for itself. */
export const debugging = { on: false }

/**
 * Opens the registry that the environment names.
 *
 * @param interruption what ends the statements that run there, if anything does.
 * @param dryRun given, nothing is written.
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

/** Milliseconds that somebody who only looks waits for another process's lock on an SQLite file. */
const LOCKED = 80

/** The registry that all commands of a shell share: opened by the first that needs it, over one connection. */
export class SharedRegistry {
  /** Ends what a command does, in the database or elsewhere, with nothing half done; reset before the next one. */
  readonly interruption = new Interruption()
  #opening: Promise<Registry> | undefined
  #looking: Registry | undefined
  #instead: Registry | undefined

  /** The registry as the commands are to see it. */
  async get(): Promise<Registry> {
    return this.#instead ?? (await this.open())
  }

  /**
   * The registry for somebody who only looks, as one who presses Tab: an SQLite
   * file that no command has opened yet is neither made nor brought up to date for it.
   *
   * @returns undefined where that is not there.
   */
  async getToLook(): Promise<Registry | undefined> {
    if (this.#opening !== undefined) return this.get()
    const { loadDatabaseSettings } = await import('../../config/config.ts')
    const settings = loadDatabaseSettings(process.env)
    if (settings.engine !== 'sqlite') return this.get()
    const { openRegistryToRead } = await import('../../registry/open.ts')
    this.#looking ??= await openRegistryToRead(settings, { patience: LOCKED, interruption: this.interruption })
    return this.#looking
  }

  /** The registry itself. */
  open(): Promise<Registry> {
    const opening = this.#opening ?? openConfigured(this.interruption)
    this.#opening = opening
    // What failed to open may open for the next command.
    opening.catch(() => {
      this.#opening = undefined
    })
    return opening
  }

  /** Has the commands see another registry, such as one whose changes are committed together. */
  show(registry: Registry | undefined): void {
    this.#instead = registry
  }

  /** Has the commands see a registry on which every statement is committed by itself. */
  async showWithoutTransactions(): Promise<void> {
    const { withoutTransactions } = await import('../../registry/registry.ts')
    this.show(withoutTransactions(await this.open()))
  }

  /** True where all changes are committed together, so that an error of the transaction undoes them all. */
  get isTogether(): boolean {
    return this.#instead?.database.commits === 'outer'
  }

  async close(): Promise<void> {
    const registry = await this.#opening?.catch(() => undefined)
    await registry?.close().catch(() => {})
    await this.#looking?.close().catch(() => {})
  }
}

let shared: SharedRegistry | undefined

/** Makes the commands of this process share a registry; undefined ends that. */
export function shareRegistry(registry: SharedRegistry | undefined): void {
  shared = registry
}

/** The registry that the commands share; undefined outside a shell. */
export function sharedRegistry(): SharedRegistry | undefined {
  return shared
}
