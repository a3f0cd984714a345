import { Command, Flags, type Interfaces } from '@oclif/core'
import { asVdcError, type ErrorCode, VdcError } from '../errors.ts'
import type { Interruption } from '../interruption.ts'
import type { Change } from '../registry/dry-run.ts'
import type { Registry, Watcher } from '../registry/registry.ts'
import { Answer } from './answers/answer.ts'
import type { Column } from './answers/columns.ts'
import { answerFlags, answerOptions, asksForColumns, asksForJson } from './answers/format.ts'
import { listKeys, requireKeys, topKeysOf } from './answers/keys.ts'
import { heedColorFlag } from './color.ts'
import { untilInterrupted } from './interruptible.ts'
import { isHoldingAll, outputClosed, writeNote, writeOut } from './output.ts'
import { errorText, reportError, warningText } from './report-error.ts'
import { debugging, openConfigured, sharedRegistry } from './shared-registry.ts'
import { originalSpelling } from './spelling.ts'
import { idsOf, STDIN } from './stdin-ids.ts'
import { hasFlag } from './words.ts'

const NO_PROGRESS: Watcher['progress'] = { begin: () => ({ advance() {}, end() {} }) }
/** Exit code of a command on several things of which some failed. */
const PARTLY_DONE = 9
/** Errors that concern the database itself: what comes next would fail too. */
const FINAL: readonly ErrorCode[] = [
  'DATABASE_UNREACHABLE',
  'DATABASE_REFUSED',
  'COMMIT_UNCERTAIN',
  'SCHEMA_MISSING',
  'INTERRUPTED',
  'TERMINATED',
]

/** Says whether words name one thing, not several or those on stdin. */
function isOne(words: readonly string[]): boolean {
  return words.length === 1 && words[0] !== STDIN
}

function isFinal(code: ErrorCode): boolean {
  return FINAL.includes(code) || (code === 'DATABASE_BUSY' && sharedRegistry()?.isTogether === true)
}

/** Flags of every command. */
export const globalFlags = {
  'no-color': Flags.boolean({ helpGroup: 'GLOBAL', summary: 'No colours, also on a terminal.' }),
  debug: Flags.boolean({ helpGroup: 'GLOBAL', summary: 'Tell on stderr what is done, and of errors the stack.' }),
}

/** What every command shares: how it answers, the registry, errors. */
export abstract class BaseCommand extends Command {
  static override baseFlags: Interfaces.FlagInput = { ...answerFlags, ...globalFlags }
  /** The exit codes that the command's help lists. */
  static exits: readonly number[] = []

  #answer: Answer | undefined
  #storedId: string | undefined
  #interruption: Interruption | undefined
  /** Nothing is written; what would be is told at the end. */
  protected isDryRun = false
  readonly #changes: Change[] = []
  /** Whether the command is about the schema itself, so that one that is not up to date is no error. */
  protected readonly worksOnAnySchema: boolean = false

  protected get debugging(): boolean {
    return isDebugging(this.argv)
  }

  override jsonEnabled(): boolean {
    return asksForJson(this.argv)
  }

  /** Opens the registry for `work`, and closes it whatever happens; in a shell it stays open. */
  protected async withRegistry<T>(work: (registry: Registry) => Promise<T>): Promise<T> {
    debugging.on = this.debugging
    const dryRun = this.isDryRun ? { onChange: (change: Change) => void this.#changes.push(change) } : undefined
    const shared = sharedRegistry()
    if (shared !== undefined) {
      const registry = await shared.get()
      if (dryRun === undefined) return work(registry)
      const { withDryRun } = await import('../registry/dry-run.ts')
      return work(withDryRun(registry, dryRun.onChange))
    }
    const anySchema = this.worksOnAnySchema
    const registry = await openConfigured(this.config, this.#interruption, dryRun && { ...dryRun, anySchema })
    try {
      return await work(registry)
    } finally {
      // What is committed stays so, however the goodbye goes.
      await registry.close().catch(() => {})
    }
  }

  /**
   * Does long work that Ctrl-C, SIGINT or SIGTERM ends with nothing half done,
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
    const progress = process.stderr.isTTY ? (await import('./progress.ts')).terminalProgress() : NO_PROGRESS
    return this.interruptible((cancellation) => work({ cancellation, progress }))
  }

  /** How the command answers, as its flags say; known when these are parsed. */
  protected get answer(): Answer {
    if (this.#answer === undefined) throw new Error('The flags are not parsed')
    return this.#answer
  }

  /** Prints the id of what was just stored, alone on its line, after the commit; the whole thing where a format is asked for. */
  protected async printId(id: string): Promise<void> {
    if (this.isDryRun) return
    this.#storedId = id
    this.answer.storedId = id
    if (!this.answer.isAskedFor && !(await writeOut(`${id}\n`, id))) throw outputClosed()
  }

  /**
   * Answers with how many there are, alone on its line.
   */
  protected async printCount(count: number): Promise<{ count: number }> {
    return this.printThing({ count }, `${count}`)
  }

  /**
   * Prints a list in whatever format is asked for, else as a table.
   *
   * @returns the rows, but for those that were written as they came.
   */
  protected async printList<T extends object>(
    rows: AsyncIterable<T> | Promise<T[]>,
    columns: readonly Column<T>[],
  ): Promise<T[]> {
    return this.answer.list(rows, columns)
  }

  /**
   * As `printList`, of what is done on the way: where that ends with an error,
   * what was done until then is told, but in formats of which it would be no whole.
   */
  protected async printAsDone<T extends object>(rows: AsyncIterable<T>, columns: readonly Column<T>[]): Promise<void> {
    const list = await this.answer.openList(columns)
    try {
      for await (const row of rows) await list.write(row)
    } catch (error) {
      if (!['json', 'yaml'].includes(this.answer.format)) await list.end()
      throw error
    }
    await list.end()
  }

  /**
   * Prints one thing in whatever format is asked for, else for people.
   *
   * @param text how these read it; its fields where that is not given.
   */
  protected async printThing<T extends object>(thing: T, text?: string): Promise<T> {
    await this.answer.thing(thing, text)
    await this.answer.endThings(true)
    return thing
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
    show: (registry: Registry, id: string) => Promise<T>,
  ): Promise<T | undefined> {
    if (ids === undefined) {
      await this.config.runCommand(list.id, [...this.argv])
      return undefined
    }
    const isGiven = (option: string) => given[option as keyof typeof given] !== undefined
    const stray = Object.keys(list.options).find(isGiven)
    if (stray !== undefined) {
      throw new VdcError('USAGE', `--${stray} chooses from a list, and ids are given`, {
        hint: 'Leave one of them out',
      })
    }
    return this.withRegistry((registry) => this.forEachId(ids, (id) => show(registry, id), { shows: true }))
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

  /** Says something to a person, on stderr. */
  protected async note(text: string): Promise<void> {
    await writeNote(text)
  }

  /** Tells of what is done all the same, and should be known. */
  protected async noteWarning(text: string): Promise<void> {
    await writeNote(warningText(text))
  }

  /** Tells an error that comes with an answer, which under `--json` holds it, and ends with its exit code. */
  protected async noteError(error: VdcError): Promise<void> {
    process.exitCode = error.exit
    if (!this.jsonEnabled() || isHoldingAll()) await writeNote(errorText(error))
  }

  /**
   * Does the same to each of several things; what comes of it is the answer with
   * `shows`, else only where a format is asked for.
   *
   * @param words ids; `-` stands for those on stdin.
   * @returns what comes of a single thing that is no answer.
   */
  protected async forEachId<T extends object>(
    words: readonly string[],
    work: (id: string) => Promise<T>,
    options: { shows?: boolean } = {},
  ): Promise<T | undefined> {
    const isAnswer = options.shows || (this.answer.isAskedFor && !this.isDryRun)
    let last: T | undefined
    for await (const result of this.eachOf(words, work)) {
      last = result
      if (isAnswer) await this.answer.thing(result)
    }
    if (isAnswer) await this.answer.endThings(isOne(words))
    return isAnswer ? undefined : last
  }

  /**
   * Does the same to each of several things and goes on past one that fails,
   * of which the answer tells: then the exit code is 9. A single thing fails with
   * its own exit code.
   *
   * @param words ids; `-` stands for those on stdin.
   */
  protected async *eachOf<T>(words: readonly string[], work: (id: string) => Promise<T>): AsyncGenerator<T> {
    let count = 0
    for await (const id of idsOf(words)) {
      count++
      let result: T
      try {
        result = await work(id)
      } catch (thrown) {
        const error = asVdcError(thrown)
        if (isOne(words) || isFinal(error.code)) throw error
        await this.noteError(error)
        process.exitCode = PARTLY_DONE
        await this.answer.failure({ id, ...error.toJSON() })
        continue
      }
      yield result
    }
    if (count === 0) await writeNote('There are no ids on stdin: nothing is done')
  }

  /** Notes in a dry run what would be done besides writing rows. */
  protected wouldDo(change: Change): void {
    this.#changes.push(change)
  }

  async #tellChanges(): Promise<void> {
    const { CHANGE_COLUMNS, toldChange } = await import('./columns/change.ts')
    // The history follows from the rest, and a person would not see that for it.
    const isHidden = (change: Change) =>
      this.answer.format === 'table' && 'table' in change && change.table === 'histories'
    const shown = this.#changes.filter((change) => !isHidden(change))
    const hidden = this.#changes.length - shown.length
    await this.answer.list(Promise.resolve(shown.map(toldChange)), CHANGE_COLUMNS)
    await writeNote(`Nothing is written${hidden > 0 ? `, nor ${hidden} rows of history` : ''}: this is a dry run`)
  }

  /** Of what results the answer is (`RESULTS`). */
  protected resultId(_given: object): string {
    return this.ctor.id
  }

  /** Parses the words, and so knows how to answer. */
  protected override async parse<
    F extends Record<string, unknown>,
    B extends Record<string, unknown>,
    A extends Record<string, unknown>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await super.parse(options, argv)
    const wanted = answerOptions(parsed.flags)
    const isCounting = (parsed.flags as { count?: boolean }).count === true
    this.isDryRun = (parsed.flags as { 'dry-run'?: boolean })['dry-run'] === true
    const result = this.isDryRun ? 'dry run' : isCounting ? 'count' : this.resultId(parsed.flags)
    if (wanted.columns !== undefined) await requireKeys(result, wanted.columns)
    this.#answer = new Answer(wanted, () => topKeysOf(result))
    return parsed
  }

  /** Runs the command; oclif's own way of this can't wait for stdout and has other exit codes for `--json`. */
  protected override async _run<T>(): Promise<T> {
    let result: unknown
    this.argv = originalSpelling(this.argv, { ...this.ctor.baseFlags, ...this.ctor.flags })
    heedColorFlag(this.argv)
    try {
      await this.init()
      result = asksForColumns(this.argv) ? await listKeys(this.resultId({})) : await this.run()
      if (this.isDryRun) await this.#tellChanges()
      else if (result !== undefined && this.#answer?.isAskedFor && !this.#answer.isBegun)
        await this.printThing(result as object)
    } catch (error) {
      if (this.#storedId !== undefined) await writeNote(`Stored: ${this.#storedId}`)
      const command = this.id?.replaceAll(':', ' ') ?? ''
      await reportError(error, { json: this.jsonEnabled(), debug: this.debugging, command })
    }
    return result as T
  }
}

/** Says whether `--debug` is among the words before `--`. */
export function isDebugging(argv: readonly string[]): boolean {
  return hasFlag(argv, '--debug')
}
