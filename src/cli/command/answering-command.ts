import { Command, type Config, Flags, type Interfaces } from '@oclif/core'
import { VdcError } from '../../core/errors.ts'
import type { Change } from '../../registry/change.ts'
import { Answer } from '../answer/answer.ts'
import type { Column } from '../answer/columns.ts'
import { answerFlags, answerOptions, asksForColumns, jsonAskedFor } from '../answer/format.ts'
import { keysNamed, listKeys, topKeysOf } from '../answer/keys.ts'
import { errorText, reportError, warningText } from '../errors/report-error.ts'
import type { Item } from '../help/describe.ts'
import { COMMON } from '../help/groups.ts'
import { isDebugging } from '../start/argv.ts'
import type { Program } from '../start/program.ts'
import { usedParts } from '../start/used-parts.ts'
import { boldOn, heedColorFlag } from '../terminal/color.ts'
import { isHoldingAll, outputClosed, writeNote, writeOut } from '../terminal/output.ts'
import { namingOption, optionsSpelled, originalSpelling } from './original-spelling.ts'

/** Flags of every command. */
export const globalFlags = {
  'no-color': Flags.boolean({ helpGroup: COMMON, summary: 'Print without colours.' }),
  debug: Flags.boolean({ helpGroup: COMMON, summary: 'Print debug output and stack traces to stderr.' }),
}

/** All flags of each command, including the global ones, by class. Cached because a shell runs the same commands many times. */
const allFlags = new WeakMap<object, Interfaces.FlagInput>()

/** Returns true if a flag can have an effect even if it is not given. */
function countsIfNotGiven({
  default: value,
  env,
  required,
  exactlyOne,
  atLeastOne,
}: Interfaces.FlagInput[string]): boolean {
  return value !== undefined || env !== undefined || required === true || Boolean(exactlyOne ?? atLeastOne)
}

/** A command that prints an answer in the format asked for, and reports its errors. */
export abstract class AnsweringCommand extends Command {
  static {
    // oclif's Command, which is loaded by now, adds a listener that throws. writeOut and writeNote handle write errors.
    process.stdout.removeAllListeners('error').on('error', () => {})
  }

  static override baseFlags: Interfaces.FlagInput = { ...answerFlags, ...globalFlags }
  /** Exit codes for the command's help. */
  static exits: readonly number[] = []
  /** Arguments to show in help in place of oclif's. */
  static operands: readonly Item[] | undefined

  #answer: Answer | undefined
  #storedId: string | undefined
  /** True if nothing is written; the changes are printed at the end. */
  protected isDryRun = false
  readonly #changes: Change[] = []

  /** Runs the command with these arguments. oclif's own `run` would load a Config. */
  static async runIn(
    this: new (
      argv: string[],
      config: Config,
    ) => AnsweringCommand,
    program: Program,
    argv: readonly string[],
  ): Promise<unknown> {
    return new this([...argv], program.asConfig)._run()
  }

  /** The program that runs the command. */
  protected get program(): Program {
    return this.config as unknown as Program
  }

  protected get debugging(): boolean {
    return isDebugging(this.argv)
  }

  override jsonEnabled(): boolean {
    return jsonAskedFor(this.argv) !== undefined
  }

  /**
   * The answer to write to, in the format that the flags ask for.
   *
   * @throws Error if the flags are not parsed yet.
   */
  protected get answer(): Answer {
    if (this.#answer === undefined) throw new Error('The flags are not parsed')
    return this.#answer
  }

  /** Prints a new ID on a line of its own. Call it after the commit. Prints nothing if a format is asked for: then the whole item is printed. */
  protected async printId(id: string): Promise<void> {
    if (this.isDryRun) return
    this.#storedId = id
    this.answer.storedId = id
    if (!this.answer.isAskedFor && !(await writeOut(`${id}\n`, id))) throw outputClosed()
  }

  /** Prints a count on a line of its own. */
  protected async printCount(count: number): Promise<{ count: number }> {
    return this.printThing({ count }, `${count}`)
  }

  /**
   * Prints a list in the format asked for, by default as a table.
   *
   * @param batchesOf returns the rows in batches, with at least the given keys; undefined for all keys.
   */
  protected async printList<T extends object>(
    batchesOf: (keys: readonly string[] | undefined) => AsyncIterable<readonly T[]>,
    columns: readonly Column<T>[],
  ): Promise<void> {
    await this.answer.list(batchesOf(this.answer.keysOf(columns)), columns)
  }

  /**
   * Prints rows of work that is done while they are read. If the work fails, the rows so far are
   * still printed, except as JSON or YAML, where the output would be incomplete.
   */
  protected async printAsDone<T extends object>(rows: AsyncIterable<T>, columns: readonly Column<T>[]): Promise<void> {
    const list = await this.answer.openList(columns)
    try {
      for await (const row of rows) await list.write([row])
    } catch (error) {
      if (!['json', 'yaml'].includes(this.answer.format)) await list.end()
      throw error
    }
    await list.end()
  }

  /**
   * Prints one item in the format asked for, by default as text.
   *
   * @param text the item as text; default: one line per field.
   */
  protected async printThing<T extends object>(thing: T, text?: string): Promise<T> {
    await this.answer.thing(thing, text)
    await this.answer.endThings(true)
    return thing
  }

  /** Prints a note to stderr. */
  protected async note(text: string): Promise<void> {
    await writeNote(text)
  }

  /** Prints a warning to stderr. */
  protected async noteWarning(text: string): Promise<void> {
    await writeNote(warningText(text))
  }

  /** Returns the error with the names of the command's options in place of the registry's fields. */
  protected inOptions<T>(error: T): T | VdcError {
    return error instanceof VdcError ? namingOption(error, this.ctor.flags) : error
  }

  /**
   * Reports an error in addition to an answer, and sets its exit code.
   *
   * @param options.isAnswered with `--json`, the answer contains the error, so it is not printed to stderr.
   */
  protected async noteError(error: VdcError, options = { isAnswered: true }): Promise<void> {
    process.exitCode = error.exit
    if (!options.isAnswered || !this.jsonEnabled() || isHoldingAll()) await writeNote(errorText(error))
  }

  /** Records a change that a dry run would make other than writing rows. */
  protected wouldDo(change: Change): void {
    this.#changes.push(change)
  }

  async #printChanges(): Promise<void> {
    const { CHANGE_COLUMNS, changeText, fullChange } = await import('../answer/columns/change.ts')
    // History rows follow from the other rows and would bury them in a table.
    const isHidden = (change: Change) =>
      this.answer.format === 'table' && 'table' in change && change.table === 'histories'
    const shown = this.#changes.filter((change) => !isHidden(change)).map(fullChange)
    const hidden = this.#changes.length - shown.length
    if (this.answer.mayWrap) {
      const bold = boldOn(process.stdout)
      await this.answer.text(shown.map((change) => changeText(change, bold)).join(''))
    } else await this.answer.list([shown], CHANGE_COLUMNS)
    if (this.#changes.length === 0) return writeNote('Dry run: nothing would change')
    const history = hidden === 0 ? '' : ` (${hidden} more row${hidden === 1 ? '' : 's'} in histories)`
    await writeNote(`Dry run: nothing was written${history}`)
  }

  /** Returns the key in `RESULTS` of what the command answers with these flags. */
  protected resultId(_given: object): string {
    return this.ctor.id
  }

  /** Returns the key in `RESULTS`, also for `--dry-run` and `--count`. The values of other flags do not matter. */
  #resultOf(given: object): string {
    const flags = given as { 'dry-run'?: unknown; count?: unknown }
    if (flags['dry-run']) return 'dry run'
    return flags.count ? 'count' : this.resultId(given)
  }

  /** All flags of the command, including the global ones. */
  get #flags(): Interfaces.FlagInput {
    const flags = allFlags.get(this.ctor) ?? { ...this.ctor.baseFlags, ...this.ctor.flags }
    allFlags.set(this.ctor, flags)
    return flags
  }

  /** True for `--columns help`, which needs no arguments. */
  get #asksForColumns(): boolean {
    return 'columns' in (this.ctor.baseFlags ?? {}) && asksForColumns(this.argv)
  }

  /** Lists the columns of an answer with the given flags, even if required arguments or options are missing. */
  async #listColumns(): Promise<void> {
    const isGiven = ([name, { char }]: [string, { char?: string }]) =>
      this.argv.some((word) => word === `--${name}` || word.startsWith(`--${name}=`) || word === `-${char}`)
    const given = Object.entries(this.ctor.flags ?? {}).filter(isGiven)
    await listKeys(this.#resultOf(Object.fromEntries(given)))
  }

  /**
   * Parses the words with only the flags that they may contain and those that count if not given,
   * because oclif's parser visits each flag several times. If that fails, parses them again with
   * all flags, so that the error message lists them.
   */
  async #parseQuickly<
    F extends Record<string, unknown>,
    B extends Record<string, unknown>,
    A extends Record<string, unknown>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const spelled = optionsSpelled(argv ?? this.argv, this.#flags)
    const flags = Object.entries(this.#flags).filter(([name, flag]) => spelled.has(name) || countsIfNotGiven(flag))
    const few = { ...(options ?? this.ctor), baseFlags: {}, flags: Object.fromEntries(flags) }
    try {
      return await super.parse(few as unknown as Interfaces.Input<F, B, A>, argv)
    } catch {
      return super.parse(options, argv)
    }
  }

  /** Does nothing: no flag is deprecated, and oclif would merge all flags again to find out. */
  protected override warnIfFlagDeprecated(): void {}

  /** Parses the words and sets up the answer. */
  protected override async parse<
    F extends Record<string, unknown>,
    B extends Record<string, unknown>,
    A extends Record<string, unknown>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await this.#parseQuickly(options, argv)
    const wanted = answerOptions(parsed.flags)
    usedParts.add(wanted.format ?? 'table')
    this.isDryRun = (parsed.flags as { 'dry-run'?: boolean })['dry-run'] === true
    const result = this.#resultOf(parsed.flags)
    const columns = wanted.columns && (await keysNamed(result, wanted.columns))
    this.#answer = new Answer({ ...wanted, columns }, () => topKeysOf(result))
    return parsed
  }

  /** Runs the command. oclif's own `_run` does not wait for stdout and uses other exit codes with `--json`. */
  protected override async _run<T>(): Promise<T> {
    let result: unknown
    try {
      this.argv = originalSpelling(this.argv, this.#flags)
      heedColorFlag(this.argv)
      result = this.#asksForColumns ? await this.#listColumns() : await this.run()
      if (this.isDryRun) await this.#printChanges()
      else if (result !== undefined && this.#answer?.isAskedFor && !this.#answer.isBegun)
        await this.printThing(result as object)
    } catch (error) {
      if (this.#storedId !== undefined) await writeNote(`Stored: ${this.#storedId}`)
      const command = this.id?.replaceAll(':', ' ') ?? ''
      const { flags, operands } = this.ctor as typeof AnsweringCommand
      const options = { json: jsonAskedFor(this.argv), debug: this.debugging, command, flags, operands }
      await reportError(this.inOptions(error), options)
    }
    return result as T
  }
}
