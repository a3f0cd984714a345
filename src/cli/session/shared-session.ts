import { Interruption } from '../../core/interruption.ts'
import type { Registry } from '../../registry/registry.ts'
import { MadeFiles } from '../shell/made-files.ts'
import { openConfigured } from './open-registry.ts'
import { StdinIds } from './stdin-ids.ts'

/** Milliseconds that completion waits for another process's lock on an SQLite file. */
const LOCK_TIMEOUT = 80

/** The objects that all commands of a shell share. The registry has one connection, which the first command that needs it opens. */
export class SharedSession {
  /** Interrupts a command, in the database or elsewhere, with nothing half done. The shell resets it before the next command. */
  readonly interruption = new Interruption()
  readonly stdin = new StdinIds(this.interruption)
  readonly madeFiles = new MadeFiles()
  /** True if a person types the commands at a terminal. */
  readonly isInteractive: boolean
  /** True if the current or last command prints debug output. */
  isDebugging = false
  #opening: Promise<Registry> | undefined
  #readOnly: Registry | undefined
  #replacement: Registry | undefined

  constructor({ isInteractive }: { isInteractive: boolean } = { isInteractive: false }) {
    this.isInteractive = isInteractive
  }

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
    const { interruption } = this
    const opening = this.#opening ?? openConfigured({ interruption, isDebugging: () => this.isDebugging })
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

  /** Closes the registry. Ignores errors. */
  async close(): Promise<void> {
    const registry = await this.#opening?.catch(() => undefined)
    await registry?.close().catch(() => {})
    await this.#readOnly?.close().catch(() => {})
  }
}
