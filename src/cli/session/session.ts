import { Interruption } from '../../core/interruption.ts'
import type { Change } from '../../registry/change.ts'
import type { Registry, Watcher } from '../../registry/registry.ts'
import { untilInterrupted } from './interruptible.ts'
import { openConfigured } from './open-registry.ts'
import type { SharedSession } from './shared-session.ts'
import { delaySignals } from './signals.ts'
import { StdinIds } from './stdin-ids.ts'

const NO_PROGRESS: Watcher['progress'] = { begin: () => ({ advance() {}, end() {} }) }

/** What one command works with: the registry, IDs on stdin, interruptions; in a shell, what its commands share. */
export class Session {
  /** Nothing is written; what would be is told at the end. */
  readonly isDryRun: boolean
  readonly #isDebugging: boolean
  readonly #shared: SharedSession | undefined
  readonly #stdin: StdinIds
  readonly #changes: Change[] = []
  #interruption: Interruption | undefined

  /** @param shared undefined outside a shell. */
  constructor(shared: SharedSession | undefined, options: { isDryRun: boolean; isDebugging: boolean }) {
    this.isDryRun = options.isDryRun
    this.#isDebugging = options.isDebugging
    this.#shared = shared
    this.#stdin = shared?.stdin ?? new StdinIds()
  }

  /** Whether the command runs in a shell. */
  get isShell(): boolean {
    return this.#shared !== undefined
  }

  /** Whether all changes of a shell are committed together, so that an error of the transaction undoes them all. */
  get isTogether(): boolean {
    return this.#shared?.isTogether === true
  }

  /** What a dry run would have done. */
  get changes(): readonly Change[] {
    return this.#changes
  }

  /** Notes in a dry run what would be done besides writing rows. */
  wouldDo(change: Change): void {
    this.#changes.push(change)
  }

  /** The IDs that words stand for, of which `-` means those on stdin (`StdinIds.of`). */
  ids(words: readonly string[]): AsyncGenerator<string[]> {
    return this.#stdin.of(words)
  }

  /**
   * Opens the registry for `work`, and closes it whatever happens; in a shell it stays open.
   *
   * @param options.anySchema the work is about the schema itself, so that one that is not up to date is no error.
   */
  async withRegistry<T>(
    work: (registry: Registry) => Promise<T>,
    { anySchema = false }: { anySchema?: boolean } = {},
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
    })
    try {
      return await work(registry)
    } finally {
      // What is committed stays so, however the goodbye goes.
      await registry.close().catch(() => {})
    }
  }

  /**
   * Does long work that Ctrl-C, SIGINT, SIGTERM or SIGHUP ends with nothing half done,
   * also what it does in the registry.
   *
   * @throws VdcError INTERRUPTED, TERMINATED, and what `work` throws.
   */
  interruptible<T>(work: (interruption: Interruption) => Promise<T>): Promise<T> {
    return untilInterrupted(this.#shared, (interruption) => {
      this.#interruption = interruption
      return work(interruption)
    })
  }

  /**
   * As `interruptible`, and shows at a terminal how far the work is.
   *
   * @param work passes its watcher to what takes long.
   */
  async watched<T>(work: (watcher: Watcher) => Promise<T>): Promise<T> {
    const progress = process.stderr.isTTY ? (await import('../progress/progress.ts')).terminalProgress() : NO_PROGRESS
    return this.interruptible((cancellation) => work({ cancellation, progress }))
  }

  /**
   * Delays signals while something is committed or `isTelling` of it; a shell does so itself.
   *
   * @returns a function that stops delaying signals.
   */
  delaySignals(isTelling: () => boolean): () => void {
    if (this.isShell) return () => {}
    return delaySignals(() => isTelling() || this.#interruption?.isCommitting === true)
  }

  /** Makes a file; a script of a shell that is run again from its start gets the one made before (`MadeFiles`). */
  makeOnce<T extends { path: string }>(request: object, make: () => Promise<T>): Promise<T> {
    return this.#shared?.madeFiles.makeOnce(request, make) ?? make()
  }
}
