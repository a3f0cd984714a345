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

/** All flags of each command, with the global ones, by class. A shell runs the same commands again and again. */
const allFlags = new WeakMap<object, Interfaces.FlagInput>()

/** Says whether a flag can make a difference where it is not given. */
function countsUnasked({
  default: value,
  env,
  required,
  exactlyOne,
  atLeastOne,
}: Interfaces.FlagInput[string]): boolean {
  return value !== undefined || env !== undefined || required === true || Boolean(exactlyOne ?? atLeastOne)
}

/** How a command answers, and what it says when it can't. */
export abstract class AnsweringCommand extends Command {
  static {
    // oclif's Command, which is loaded by now, adds a listener that throws. Our writes handle their own errors.
    process.stdout.removeAllListeners('error').on('error', () => {})
  }

  static override baseFlags: Interfaces.FlagInput = { ...answerFlags, ...globalFlags }
  /** The exit codes that the command's help lists. */
  static exits: readonly number[] = []
  /** The arguments that help shows, if oclif's are not what people type. */
  static operands: readonly Item[] | undefined

  #answer: Answer | undefined
  #storedId: string | undefined
  /** Nothing is written; what would be is told at the end. */
  protected isDryRun = false
  readonly #changes: Change[] = []

  /** Runs the command with these arguments; oclif's own `run` would load a Config. */
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

  /** The program that runs it. */
  protected get program(): Program {
    return this.config as unknown as Program
  }

  protected get debugging(): boolean {
    return isDebugging(this.argv)
  }

  override jsonEnabled(): boolean {
    return jsonAskedFor(this.argv) !== undefined
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

  /** Answers with how many there are, alone on its line. */
  protected async printCount(count: number): Promise<{ count: number }> {
    return this.printThing({ count }, `${count}`)
  }

  /**
   * Prints a list in whatever format is asked for, else as a table.
   *
   * @param batchesOf returns the rows in batches, at least with the given keys; undefined for all keys.
   */
  protected async printList<T extends object>(
    batchesOf: (keys: readonly string[] | undefined) => AsyncIterable<readonly T[]>,
    columns: readonly Column<T>[],
  ): Promise<void> {
    await this.answer.list(batchesOf(this.answer.keysOf(columns)), columns)
  }

  /**
   * As `printList`, of what is done on the way: where that ends with an error,
   * what was done until then is told, but in formats of which it would be no whole.
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
   * Prints one thing in whatever format is asked for, else for people.
   *
   * @param text how these read it; its fields where that is not given.
   */
  protected async printThing<T extends object>(thing: T, text?: string): Promise<T> {
    await this.answer.thing(thing, text)
    await this.answer.endThings(true)
    return thing
  }

  /** Says something to a person, on stderr. */
  protected async note(text: string): Promise<void> {
    await writeNote(text)
  }

  /** Tells of what is done all the same, and should be known. */
  protected async noteWarning(text: string): Promise<void> {
    await writeNote(warningText(text))
  }

  /** An error with the command's options in the place of the registry's fields. */
  protected inOptions<T>(error: T): T | VdcError {
    return error instanceof VdcError ? namingOption(error, this.ctor.flags) : error
  }

  /**
   * Tells an error that comes with an answer, and ends with its exit code.
   *
   * @param options.isAnswered under `--json` the answer holds it, so that it is told there alone.
   */
  protected async noteError(error: VdcError, options = { isAnswered: true }): Promise<void> {
    process.exitCode = error.exit
    if (!options.isAnswered || !this.jsonEnabled() || isHoldingAll()) await writeNote(errorText(error))
  }

  /** Notes in a dry run what would be done besides writing rows. */
  protected wouldDo(change: Change): void {
    this.#changes.push(change)
  }

  async #tellChanges(): Promise<void> {
    const { CHANGE_COLUMNS, changeText, toldChange } = await import('../answer/columns/change.ts')
    // The history follows from the rest, and a person would not see that for it.
    const isHidden = (change: Change) =>
      this.answer.format === 'table' && 'table' in change && change.table === 'histories'
    const shown = this.#changes.filter((change) => !isHidden(change)).map(toldChange)
    const hidden = this.#changes.length - shown.length
    if (this.answer.mayWrap) {
      const bold = boldOn(process.stdout)
      await this.answer.text(shown.map((change) => changeText(change, bold)).join(''))
    } else await this.answer.list([shown], CHANGE_COLUMNS)
    if (this.#changes.length === 0) return writeNote('Nothing would change: this is a dry run')
    const history = hidden === 0 ? '' : `, nor ${hidden} row${hidden === 1 ? '' : 's'} of history`
    await writeNote(`Nothing is written${history}: this is a dry run`)
  }

  /** Of what results the answer is (`RESULTS`). */
  protected resultId(_given: object): string {
    return this.ctor.id
  }

  /** Of what results the answer is with these flags, whatever their values. */
  #resultOf(given: object): string {
    const flags = given as { 'dry-run'?: unknown; count?: unknown }
    return flags['dry-run'] ? 'dry run' : flags.count ? 'count' : this.resultId(given)
  }

  /** All flags of the command, with the global ones. */
  get #flags(): Interfaces.FlagInput {
    const flags = allFlags.get(this.ctor) ?? { ...this.ctor.baseFlags, ...this.ctor.flags }
    allFlags.set(this.ctor, flags)
    return flags
  }

  /** Says whether the columns are asked for and not their contents, which goes without arguments. */
  get #asksForColumns(): boolean {
    return 'columns' in (this.ctor.baseFlags ?? {}) && asksForColumns(this.argv)
  }

  /** Lists the columns that there are with the flags among the words, whatever else these lack. */
  async #listColumns(): Promise<void> {
    const isGiven = ([name, { char }]: [string, { char?: string }]) =>
      this.argv.some((word) => word === `--${name}` || word.startsWith(`--${name}=`) || word === `-${char}`)
    const given = Object.entries(this.ctor.flags ?? {}).filter(isGiven)
    await listKeys(this.#resultOf(Object.fromEntries(given)))
  }

  /**
   * Parses the words with the flags that they may spell and those that count unasked only, as oclif's parser works on
   * each flag several times. What it refuses is parsed again with all flags, which the error tells of.
   */
  async #parseQuickly<
    F extends Record<string, unknown>,
    B extends Record<string, unknown>,
    A extends Record<string, unknown>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const spelled = optionsSpelled(argv ?? this.argv, this.#flags)
    const flags = Object.entries(this.#flags).filter(([name, flag]) => spelled.has(name) || countsUnasked(flag))
    const few = { ...(options ?? this.ctor), baseFlags: {}, flags: Object.fromEntries(flags) }
    try {
      return await super.parse(few as unknown as Interfaces.Input<F, B, A>, argv)
    } catch {
      return super.parse(options, argv)
    }
  }

  /** No flag is deprecated, and oclif would merge all of them again to find out. */
  protected override warnIfFlagDeprecated(): void {}

  /** Parses the words, and so knows how to answer. */
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

  /** Runs the command; oclif's own way of this can't wait for stdout and has other exit codes for `--json`. */
  protected override async _run<T>(): Promise<T> {
    let result: unknown
    try {
      this.argv = originalSpelling(this.argv, this.#flags)
      heedColorFlag(this.argv)
      result = this.#asksForColumns ? await this.#listColumns() : await this.run()
      if (this.isDryRun) await this.#tellChanges()
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
