import { Command, type Config, Flags, type Interfaces } from '@oclif/core'
import { VdcError } from '../../core/errors.ts'
import { Answer } from '../answer/answer.ts'
import { answerFlags, answerOptions, asksForColumns, jsonAskedFor } from '../answer/format.ts'
import { keysNamed, listKeys, topKeysOf } from '../answer/keys.ts'
import { Printer } from '../answer/printer.ts'
import { reportError } from '../errors/report-error.ts'
import { ACCOUNT_VARIABLE, namingVariable } from '../flags/default-account.ts'
import type { Item } from '../help/describe.ts'
import { COMMON } from '../help/groups.ts'
import { Session } from '../session/session.ts'
import { isDebugging } from '../start/argv.ts'
import type { Program } from '../start/program.ts'
import { usedParts } from '../start/used-parts.ts'
import { heedColorFlag } from '../terminal/color.ts'
import { writeNote } from '../terminal/output.ts'
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

/**
 * The base of all commands. Parses the arguments, runs the command, and reports its errors. A command
 * works with `session` and prints with `answer`; what `run` returns is not printed.
 */
export abstract class BaseCommand extends Command {
  static {
    // oclif's Command, which is loaded by now, adds a listener that throws. writeOut and writeNote handle write errors.
    process.stdout.removeAllListeners('error').on('error', () => {})
  }

  static override baseFlags: Interfaces.FlagInput = { ...answerFlags, ...globalFlags }
  /** Exit codes for the command's help. */
  static exits: readonly number[] = []
  /** Arguments to show in help in place of oclif's. */
  static operands: readonly Item[] | undefined

  #parsed: { session: Session; answer: Answer } | undefined

  abstract override run(): Promise<void>

  /** Runs the command with these arguments. oclif's own `run` would load a Config. */
  static async runIn(
    this: new (
      argv: string[],
      config: Config,
    ) => BaseCommand,
    program: Program,
    argv: readonly string[],
  ): Promise<void> {
    await new this([...argv], program.asConfig).#runAndReport()
  }

  /** The program that runs the command. */
  protected get program(): Program {
    return this.config as unknown as Program
  }

  /**
   * The registry, the IDs on stdin and interruptions.
   *
   * @throws Error before the flags are parsed.
   */
  protected get session(): Session {
    return this.#known.session
  }

  /**
   * Prints what the command answers.
   *
   * @throws Error before the flags are parsed.
   */
  protected get answer(): Answer {
    return this.#known.answer
  }

  get #known(): { session: Session; answer: Answer } {
    if (this.#parsed === undefined) throw new Error('The flags are not parsed')
    return this.#parsed
  }

  /** Returns an error that names the command's options in place of the registry's fields. */
  #inOptions(error: unknown): unknown {
    if (!(error instanceof VdcError)) return error
    const isDefaultAccount = this.#flags['account-id']?.env !== undefined && !this.isGiven('account-id')
    const named = namingOption(error, this.ctor.flags ?? {})
    return isDefaultAccount && process.env[ACCOUNT_VARIABLE] ? namingVariable(named) : named
  }

  /** Returns true if an option is among the words, so that its value is not a default. */
  protected isGiven(option: string): boolean {
    return optionsSpelled(this.argv, this.#flags).has(option)
  }

  /** Returns the key in `RESULTS` of the command's answer with these flags. */
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

  /** Parses the words, and prepares `session` and `answer`. */
  protected override async parse<
    F extends Record<string, unknown>,
    B extends Record<string, unknown>,
    A extends Record<string, unknown>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await this.#parseQuickly(options, argv)
    const wanted = answerOptions(parsed.flags)
    usedParts.add(wanted.format ?? 'table')
    const isDryRun = (parsed.flags as { 'dry-run'?: boolean })['dry-run'] === true
    const result = this.#resultOf(parsed.flags)
    const columns = wanted.columns && (await keysNamed(result, wanted.columns))
    const session = new Session(this.program.shared, { isDryRun, isDebugging: isDebugging(this.argv) })
    const printer = new Printer({ ...wanted, columns }, () => topKeysOf(result))
    this.#parsed = { session, answer: new Answer(printer, session, (error) => this.#inOptions(error)) }
    return parsed
  }

  /** Runs the command and reports its errors; oclif's `_run` can't wait for stdout and has other exit codes for `--json`. */
  async #runAndReport(): Promise<void> {
    try {
      this.argv = originalSpelling(this.argv, this.#flags)
      heedColorFlag(this.argv)
      if (this.#asksForColumns) return await this.#listColumns()
      await this.run()
      if (this.session.isDryRun) await this.answer.changes(this.session.changes)
    } catch (error) {
      const storedId = this.#parsed?.answer.storedId
      if (storedId !== undefined) await writeNote(`Stored: ${storedId}`)
      const command = this.id?.replaceAll(':', ' ') ?? ''
      const { flags, operands } = this.ctor as typeof BaseCommand
      const options = { json: jsonAskedFor(this.argv), debug: isDebugging(this.argv), command, flags, operands }
      await reportError(this.#inOptions(error), options)
    }
  }
}
