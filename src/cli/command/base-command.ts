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
/** Exit code of a command on several things of which some failed. */
const PARTLY_DONE = 9
/** Errors after which what comes next would fail too, besides those of the database. */
const FINAL: readonly ErrorCode[] = ['COMMIT_UNCERTAIN', 'SCHEMA_MISSING', 'SCHEMA_OLDER', 'INTERRUPTED', 'TERMINATED']

/** Says whether words name one thing, not several or those on stdin. */
function isOne(words: readonly string[]): boolean {
  return words.length === 1 && words[0] !== STDIN
}

function isFinal(code: ErrorCode): boolean {
  return (
    FINAL.includes(code) || isOfDatabase(code) || (code === 'DATABASE_BUSY' && sharedRegistry()?.isTogether === true)
  )
}

/** What every command shares: the registry, and work on several things. */
export abstract class BaseCommand extends AnsweringCommand {
  #interruption: Interruption | undefined
  /** Whether outcomes are being printed, with which others may be committed that are not printed yet. */
  #isTelling = false
  /** Whether the command is about the schema itself, so that one that is not up to date is no error. */
  protected readonly worksOnAnySchema: boolean = false

  /** Opens the registry for `work`, and closes it whatever happens; in a shell it stays open. */
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
  protected interruptible<T>(work: (interruption: Interruption) => Promise<T>): Promise<T> {
    return untilInterrupted((interruption) => {
      this.#interruption = interruption
      return work(interruption)
    })
  }

  /**
   * As `interruptible`, and shows at a terminal how far the work is.
   *
   * @param work passes its watcher to what takes long.
   */
  protected async watched<T>(work: (watcher: Watcher) => Promise<T>): Promise<T> {
    const progress = process.stderr.isTTY ? (await import('../progress/progress.ts')).terminalProgress() : NO_PROGRESS
    return this.interruptible((cancellation) => work({ cancellation, progress }))
  }

  /**
   * Shows things one after the other, or without ids runs the command that lists
   * them, with the options of this one.
   *
   * @param list id and options of that command; beside ids its options are refused.
   * @throws VdcError USAGE.
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
      throw new VdcError('USAGE', `--${stray} chooses from a list, and ids are given`, {
        hint: 'Leave one of them out',
      })
    }
    return this.withRegistry((registry) => this.forEachId(ids, (some) => show(registry, some), { shows: true }))
  }

  /**
   * Makes sure that options are given which only some uses of a command need.
   *
   * @param names with `_`, as in `given`.
   * @throws VdcError USAGE that names those that are missing.
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
   * Says so where nothing is given that is to be changed: as in the original that
   * is no error, but options that got lost on the way should not go unnoticed.
   *
   * @param given the options of the command.
   */
  protected async noteNoChange(given: object): Promise<void> {
    const own = Object.keys(this.ctor.flags).filter((name) => name !== 'dry-run')
    if (Object.entries(given).some(([name, value]) => own.includes(name) && value !== undefined)) return
    await writeNote('Nothing is given that is to be changed')
  }

  /**
   * Does the same to each of several things; what comes of it is the answer with
   * `shows`, else only where a format is asked for.
   *
   * @param words ids; `-` stands for those on stdin.
   * @param work works on several ids (`oneByOne` makes it from work on one).
   * @returns what comes of a single thing that is no answer.
   */
  protected async forEachId<T extends object>(
    words: readonly string[],
    work: (ids: readonly string[]) => AsyncIterable<Outcome<T>>,
    options: { shows?: boolean } = {},
  ): Promise<T | undefined> {
    const isAnswer = options.shows || (this.answer.isAskedFor && !this.isDryRun)
    const isBusy = () => this.#isTelling || this.#interruption?.isCommitting === true
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
   * Does the same to each of several things and goes on past one that fails,
   * of which the answer tells: then the exit code is 9. A single thing fails with
   * its own exit code.
   *
   * @param words ids; `-` stands for those on stdin.
   * @param work works on the ids that have arrived.
   */
  protected async *eachOf<T>(
    words: readonly string[],
    work: (ids: readonly string[]) => AsyncIterable<Outcome<T>>,
  ): AsyncGenerator<T> {
    let count = 0
    for await (const ids of idsOf(words)) {
      count += ids.length
      for await (const outcome of work(ids)) {
        this.#isTelling = true
        if ('result' in outcome) yield outcome.result
        else await this.#noteFailure(outcome, isOne(words))
        this.#isTelling = false
      }
    }
    if (count === 0) await writeNote(NO_IDS)
  }

  /**
   * Reports a failure and goes on.
   *
   * @throws VdcError the failure, if this is the only thing or the next ones would fail too.
   */
  async #noteFailure({ id, error: thrown }: { id: string; error: VdcError }, isOnly: boolean): Promise<void> {
    const error = asVdcError(this.inOptions(thrown))
    if (isOnly || isFinal(error.code)) throw error
    await this.noteError(error)
    process.exitCode = PARTLY_DONE
    await this.answer.failure({ id, ...error.toJSON() })
  }
}
