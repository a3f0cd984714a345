import { Interruption } from '../../core/interruption.ts'
import type { Change } from '../../registry/change.ts'
import type { Registry, Watcher } from '../../registry/registry.ts'
import { untilInterrupted } from './interruptible.ts'
import { openConfigured, openToRead } from './open-registry.ts'
import type { SharedSession } from './shared-session.ts'
import { delaySignals } from './signals.ts'
import { NUL_PATHS, PATHS, StdinIds } from './stdin-ids.ts'

const NO_PROGRESS: Watcher['progress'] = { begin: () => ({ advance() {}, end() {} }) }

/** Gives one command the registry, the IDs on stdin and interruptions. In a shell, its commands share them. */
export class Session {
  /** True for --dry-run: nothing is written, and the changes are printed at the end. */
  readonly isDryRun: boolean
  readonly #isDebugging: boolean
  readonly #shared: SharedSession | undefined
  readonly #stdin: StdinIds
  readonly #changes: Change[] = []
  /** Interrupts statements of the registry; undefined before it is needed. */
  #interruption: Interruption | undefined

  /** @param shared undefined outside a shell. */
  constructor(shared: SharedSession | undefined, options: { isDryRun: boolean; isDebugging: boolean }) {
    this.isDryRun = options.isDryRun
    this.#isDebugging = options.isDebugging
    this.#shared = shared
    this.#stdin = shared?.stdin ?? new StdinIds()
  }

  /** True if the command runs in a shell. */
  get isShell(): boolean {
    return this.#shared !== undefined
  }

  /** True if all changes of a shell are committed together, so an error of the transaction undoes them all. */
  get isTogether(): boolean {
    return this.#shared?.isTogether === true
  }

  /** True if a person reads stderr, and what was done is stored: not in a dry run, a script or a bulk session. */
  get isWithPerson(): boolean {
    const isScript = this.isTogether || this.#shared?.isInteractive === false
    return process.stderr.isTTY === true && !this.isDryRun && !isScript
  }

  /** The changes that a dry run would make. */
  get changes(): readonly Change[] {
    return this.#changes
  }

  /** Adds a change other than a row to those of a dry run. */
  wouldDo(change: Change): void {
    this.#changes.push(change)
  }

  /**
   * Yields the IDs that words stand for, in batches. `-` stands for the IDs on stdin.
   *
   * @throws VdcError as `StdinIds.of`.
   */
  ids(words: readonly string[]): AsyncGenerator<string[]> {
    return this.#stdin.of(words)
  }

  /**
   * As `ids`, for paths. An interruption ends the wait for more (`interruptible`).
   *
   * @param options.null the paths on stdin end with NUL, not with newlines.
   */
  paths(words: readonly string[], options: { null: boolean }): AsyncGenerator<string[]> {
    return this.#stdin.of(words, options.null ? NUL_PATHS : PATHS, this.#interruption)
  }

  /**
   * Opens the registry, runs `work`, and closes the registry. In a shell, it stays open.
   *
   * @param options.anySchema in a dry run, also open an SQLite file that lacks migrations.
   * @param options.isReadOnly does not create or migrate an SQLite file. A shell may have done so before.
   * @throws VdcError as `openConfigured`; errors of `work`.
   */
  async withRegistry<T>(
    work: (registry: Registry) => Promise<T>,
    { anySchema = false, isReadOnly = false }: { anySchema?: boolean; isReadOnly?: boolean } = {},
  ): Promise<T> {
    const onChange = (change: Change) => this.wouldDo(change)
    if (this.#shared !== undefined) {
      this.#shared.isDebugging = this.#isDebugging
      const registry = await this.#shared.get()
      if (!this.isDryRun) return work(registry)
      const { withDryRun } = await import('../../registry/dry-run.ts')
      return work(withDryRun(registry, onChange))
    }
    this.#interruption ??= new Interruption()
    const registry = await openConfigured({
      interruption: this.#interruption,
      isDebugging: () => this.#isDebugging,
      dryRun: this.isDryRun ? { onChange, anySchema } : undefined,
      isReadOnly,
    })
    try {
      return await work(registry)
    } finally {
      // The work is done: a connection that does not close properly is not an error.
      await registry.close().catch(() => {})
    }
  }

  /**
   * Reads from the registry what the command can do without. An SQLite file is neither created
   * nor migrated.
   *
   * @returns undefined if there is no registry yet.
   * @throws VdcError as `openConfigured`; errors of `work`.
   */
  async lookUp<T>(work: (registry: Registry) => Promise<T>): Promise<T | undefined> {
    if (this.#shared !== undefined) {
      const registry = await this.#shared.getToRead()
      return registry && work(registry)
    }
    const registry = await openToRead(this.#interruption)
    try {
      return registry && (await work(registry))
    } finally {
      await registry?.close().catch(() => {})
    }
  }

  /**
   * Runs long work, including its work in the registry, that ends with nothing half done after
   * SIGINT (Ctrl-C), SIGTERM or SIGHUP.
   *
   * @throws VdcError INTERRUPTED or TERMINATED, or the error of `work`.
   */
  interruptible<T>(work: (interruption: Interruption) => Promise<T>): Promise<T> {
    return untilInterrupted(this.#shared, (interruption) => {
      this.#interruption = interruption
      return work(interruption)
    })
  }

  /**
   * Runs long work as `interruptible` does. If stderr is a terminal, shows progress.
   *
   * @param work must pass its watcher to the functions that report progress.
   * @throws VdcError INTERRUPTED or TERMINATED, or the error of `work`.
   */
  async watched<T>(work: (watcher: Watcher) => Promise<T>): Promise<T> {
    const progress = process.stderr.isTTY ? (await import('../progress/progress.ts')).terminalProgress() : NO_PROGRESS
    return this.interruptible((cancellation) => work({ cancellation, progress }))
  }

  /**
   * Delays signals during a commit, and while its results are printed. Does nothing in a shell, which
   * handles signals itself.
   *
   * @param isPrinting returns true while results are printed.
   * @returns a function that stops delaying signals.
   */
  delaySignals(isPrinting: () => boolean): () => void {
    if (this.isShell) return () => {}
    return delaySignals(() => isPrinting() || this.#interruption?.isCommitting === true)
  }

  /**
   * Creates a file. If a shell runs a script again from its start, returns the result of the earlier
   * run instead (`MadeFiles`).
   *
   * @param request identifies the file within the script.
   */
  makeOnce<T extends { path: string }>(request: object, make: () => Promise<T>): Promise<T> {
    return this.#shared?.madeFiles.makeOnce(request, make) ?? make()
  }
}
