import { asVdcError, type ErrorCode, isOfDatabase, VdcError } from '../../core/errors.ts'
import { Interruption } from '../../core/interruption.ts'
import type { Outcome } from '../../registry/batch/batches.ts'
import type { Change } from '../../registry/change.ts'
import type { Registry, Watcher } from '../../registry/registry.ts'
import { untilInterrupted } from '../session/interruptible.ts'
import { debugging, openConfigured, sharedRegistry } from '../session/open-registry.ts'
import { delaySignals } from '../session/signals.ts'
import { writeNote } from '../terminal/output.ts'
import { AnsweringCommand } from './answering-command.ts'
import { idsOf, NO_IDS, STDIN } from './stdin-ids.ts'

export { globalFlags } from './answering-command.ts'

const NO_PROGRESS: Watcher['progress'] = { begin: () => ({ advance() {}, end() {} }) }
/** Exit code if some of several items failed. */
const PARTLY_DONE = 9
/** Errors, in addition to those of the database, after which the next items would fail too. */
const FINAL: readonly ErrorCode[] = ['COMMIT_UNCERTAIN', 'SCHEMA_MISSING', 'SCHEMA_OLDER', 'INTERRUPTED', 'TERMINATED']

/** Returns true if the words name exactly one item; `-` may stand for several. */
function isOne(words: readonly string[]): boolean {
  return words.length === 1 && words[0] !== STDIN
}

/** Returns true if the next items would fail too after this error. */
function isFinal(code: ErrorCode): boolean {
  return (
    FINAL.includes(code) || isOfDatabase(code) || (code === 'DATABASE_BUSY' && sharedRegistry()?.isTogether === true)
  )
}

/** The base of all commands: access to the registry, and work on several items. */
export abstract class BaseCommand extends AnsweringCommand {
  #interruption: Interruption | undefined
  /** True while outcomes are printed. Others may be committed but not printed yet. */
  #isPrinting = false
  /** True if the command also works on a schema that is not up to date. */
  protected readonly worksOnAnySchema: boolean = false

  /** Runs `work` with an open registry, and closes it afterwards. A shell keeps it open. */
  protected async withRegistry<T>(work: (registry: Registry) => Promise<T>): Promise<T> {
    debugging.on = this.debugging
    const dryRun = this.isDryRun ? { onChange: (change: Change) => this.wouldDo(change) } : undefined
    const shared = sharedRegistry()
    if (shared !== undefined) {
      const registry = await shared.get()
      if (dryRun === undefined) return work(registry)
      const { withDryRun } = await import('../../registry/dry-run.ts')
      return work(withDryRun(registry, dryRun.onChange))
    }
    this.#interruption ??= new Interruption()
    const anySchema = this.worksOnAnySchema
    const registry = await openConfigured(this.#interruption, dryRun && { ...dryRun, anySchema })
    try {
      return await work(registry)
    } finally {
      // The work is committed; an error while closing does not change that.
      await registry.close().catch(() => {})
    }
  }

  /**
   * Runs long work that Ctrl-C, SIGINT, SIGTERM and SIGHUP stop with nothing half done, also in
   * the registry.
   *
   * @throws VdcError INTERRUPTED or TERMINATED, or the error of `work`.
   */
  protected interruptible<T>(work: (interruption: Interruption) => Promise<T>): Promise<T> {
    return untilInterrupted((interruption) => {
      this.#interruption = interruption
      return work(interruption)
    })
  }

  /**
   * Runs long work as `interruptible` does, with a progress bar at a terminal.
   *
   * @param work must pass its watcher to the functions that take long.
   */
  protected async watched<T>(work: (watcher: Watcher) => Promise<T>): Promise<T> {
    const progress = process.stderr.isTTY ? (await import('../progress/progress.ts')).terminalProgress() : NO_PROGRESS
    return this.interruptible((cancellation) => work({ cancellation, progress }))
  }

  /**
   * Shows items one after the other. Without IDs, runs the list command with the same options.
   *
   * @param list ID and options of the list command; its options are refused if IDs are given.
   * @throws VdcError USAGE if IDs and an option of the list command are given.
   */
  protected async showOrList<T extends object>(
    ids: readonly string[] | undefined,
    given: object,
    list: { id: string; options: object },
    show: (registry: Registry, ids: readonly string[]) => AsyncIterable<Outcome<T>>,
  ): Promise<T | undefined> {
    if (ids === undefined) {
      await this.program.runCommand(list.id, this.argv)
      return undefined
    }
    const isGiven = (option: string) => given[option as keyof typeof given] !== undefined
    const stray = Object.keys(list.options).find(isGiven)
    if (stray !== undefined) {
      throw new VdcError('USAGE', `--${stray} is for lists and cannot be used with IDs`, {
        hint: `Remove the IDs or --${stray}`,
      })
    }
    return this.withRegistry((registry) => this.forEachId(ids, (some) => show(registry, some), { shows: true }))
  }

  /**
   * Requires options that only some forms of a command need.
   *
   * @param names keys of `given`, with `_`.
   * @throws VdcError USAGE with the names of the missing options.
   */
  protected requireOptions<T extends object, K extends keyof T & string>(
    given: T,
    names: readonly K[],
    hint: string,
  ): T & { [P in K]: NonNullable<T[P]> } {
    const missing = names.filter((name) => given[name] === undefined).map((name) => `--${name.replaceAll('_', '-')}`)
    if (missing.length > 0) throw new VdcError('USAGE', `Missing option ${missing.join(', ')}`, { hint })
    return given as T & { [P in K]: NonNullable<T[P]> }
  }

  /**
   * Prints a note if no option with a new value is given. As in the original, this is not an
   * error, but the user should notice that options were lost, for example by an empty variable.
   *
   * @param given the options of the command.
   */
  protected async noteNoChange(given: object): Promise<void> {
    const own = Object.keys(this.ctor.flags).filter((name) => name !== 'dry-run')
    if (Object.entries(given).some(([name, value]) => own.includes(name) && value !== undefined)) return
    await writeNote('Nothing to change: no new values are given')
  }

  /**
   * Runs the same work on each of several items. Prints the results with `shows` or if a format is
   * asked for.
   *
   * @param words IDs; `-` stands for the IDs on stdin.
   * @param work works on several IDs (`oneByOne` makes it from work on one ID).
   * @returns the last result if results are not printed.
   */
  protected async forEachId<T extends object>(
    words: readonly string[],
    work: (ids: readonly string[]) => AsyncIterable<Outcome<T>>,
    options: { shows?: boolean } = {},
  ): Promise<T | undefined> {
    const isAnswer = options.shows || (this.answer.isAskedFor && !this.isDryRun)
    const isBusy = () => this.#isPrinting || this.#interruption?.isCommitting === true
    const release = isAnswer && !options.shows && sharedRegistry() === undefined ? delaySignals(isBusy) : undefined
    let last: T | undefined
    try {
      for await (const result of this.eachOf(words, work)) {
        last = result
        if (isAnswer) await this.answer.thing(result)
      }
      if (isAnswer) await this.answer.endThings(isOne(words))
    } finally {
      release?.()
    }
    return isAnswer ? undefined : last
  }

  /**
   * Runs the same work on each of several items and yields the results. Reports items that fail
   * and continues; the exit code is then 9. If there is only one item, its error is thrown.
   *
   * @param words IDs; `-` stands for the IDs on stdin.
   * @param work works on the IDs that have arrived.
   * @throws VdcError the error of the only item, or one that the next items would have too.
   */
  protected async *eachOf<T>(
    words: readonly string[],
    work: (ids: readonly string[]) => AsyncIterable<Outcome<T>>,
  ): AsyncGenerator<T> {
    let count = 0
    for await (const ids of idsOf(words)) {
      count += ids.length
      for await (const outcome of work(ids)) {
        this.#isPrinting = true
        if ('result' in outcome) yield outcome.result
        else await this.#noteFailure(outcome, isOne(words))
        this.#isPrinting = false
      }
    }
    if (count === 0) await writeNote(NO_IDS)
  }

  /**
   * Reports a failure, so that work on the other items can continue.
   *
   * @throws VdcError the failure, if this is the only item or the next ones would fail too.
   */
  async #noteFailure({ id, error: thrown }: { id: string; error: VdcError }, isOnly: boolean): Promise<void> {
    const error = asVdcError(this.inOptions(thrown))
    if (isOnly || isFinal(error.code)) throw error
    await this.noteError(error)
    process.exitCode = PARTLY_DONE
    await this.answer.failure({ id, ...error.toJSON() })
  }
}
