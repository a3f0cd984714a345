import type { VdcError } from '../../core/errors.ts'
import type { Outcome } from '../../registry/batch/batches.ts'
import type { Change } from '../../registry/change.ts'
import { warningText } from '../errors/report-error.ts'
import type { Session } from '../session/session.ts'
import { printable } from '../terminal/escape.ts'
import { writeNote } from '../terminal/output.ts'
import type { Column } from './columns.ts'
import { isJson } from './format.ts'
import { type Findings, isSummary, openFindings } from './outcomes/findings.ts'
import { printNewItems, tellFailures } from './outcomes/new-items.ts'
import { isOne, Outcomes, type Work } from './outcomes/outcomes.ts'
import { tellError } from './outcomes/tell-error.ts'
import type { Printer } from './printer.ts'
import { renderSections, type Section } from './sections.ts'

/** Prints the answer of a command to stdout, and notes, warnings and errors to stderr. */
export class Answer {
  readonly #printer: Printer
  readonly #session: Session
  readonly #outcomes: Outcomes

  /** @param inOptions replaces the registry's fields in an error by the command's options. */
  constructor(printer: Printer, session: Session, inOptions: (error: unknown) => unknown) {
    this.#printer = printer
    this.#session = session
    this.#outcomes = new Outcomes(printer, session, inOptions)
  }

  /** True if a format, columns or IDs were asked for. Commands that print nothing by default then print an answer. */
  get isAskedFor(): boolean {
    return this.#printer.isAskedFor
  }

  /** True if the answer is a table with the default columns. */
  get isPlainTable(): boolean {
    return this.#printer.format === 'table' && !this.#printer.hasColumns && !this.#printer.isQuiet
  }

  /** True if a person is told what was done, in addition to the answer. */
  get isTelling(): boolean {
    return !this.isAskedFor && !this.#printer.isForScripts && this.#session.isWithPerson
  }

  /** True if several reports should be a table: at a terminal in the default format, or if a table was asked for. */
  get prefersTable(): boolean {
    return this.#printer.prefersTable
  }

  /** True if the answer is JSON, which contains errors too. */
  get isJson(): boolean {
    return isJson(this.#printer.format)
  }

  /** True if the format can hold things of several kinds. */
  get isNested(): boolean {
    return this.#printer.isWhole || this.#printer.format === 'ndjson'
  }

  /** True if stderr is a terminal, so that a person reads notes. */
  get isRead(): boolean {
    return process.stderr.isTTY === true
  }

  /** A stored ID that must reach the user, even if stdout is closed. */
  get storedId(): string | undefined {
    return this.#printer.storedId
  }

  /**
   * Prints a list, by default as a table.
   *
   * @param batchesOf returns the rows in batches. They must have the given keys; undefined for all keys.
   * @param columns the default columns.
   * @param whyEmpty what to say to a person if there are no rows.
   * @throws VdcError OUTPUT_FAILED; errors of the rows.
   */
  async list<T extends object>(
    batchesOf: (keys: readonly string[] | undefined) => AsyncIterable<readonly T[]> | Iterable<readonly T[]>,
    columns: readonly Column<T>[],
    whyEmpty?: string,
  ): Promise<void> {
    const count = await this.#printer.list(batchesOf(this.#printer.keysOf(columns)), columns)
    if (count > 0 || whyEmpty === undefined || this.#printer.isForScripts || !this.#session.isWithPerson) return
    await writeNote(whyEmpty)
  }

  /**
   * Prints a list as `list` does, but at a terminal in the default format as text that may wrap.
   *
   * @param textOf returns a row as text, without its last newline; `now` is set if times are shown as ages.
   * @throws VdcError OUTPUT_FAILED; errors of the rows.
   */
  async listOrText<T extends object>(
    batches: AsyncIterable<readonly T[]>,
    columns: readonly Column<T>[],
    textOf: (row: T, now: Date | undefined) => string,
  ): Promise<void> {
    if (!this.#printer.mayWrap) return void (await this.#printer.list(batches, columns))
    const { now } = this.#printer
    for await (const rows of batches) await this.text(rows.map((row) => `${textOf(row, now)}\n`).join(''))
  }

  /**
   * Prints a list of changes as they are made. After an error, prints the changes before it, except
   * in JSON and YAML, where the document would be incomplete.
   *
   * @param columns the default columns.
   * @throws VdcError OUTPUT_FAILED; errors of the rows.
   */
  async listAsDone<T extends object>(rows: AsyncIterable<T>, columns: readonly Column<T>[]): Promise<void> {
    const list = await this.#printer.openList(columns)
    try {
      for await (const row of rows) await list.write([row])
    } catch (error) {
      if (!this.#printer.isWhole) await list.end()
      throw error
    }
    await list.end()
  }

  /**
   * Starts an answer of findings, which are printed as they are found: as rows if a format or columns
   * were asked for, otherwise as text. Prints nothing if `summary` prints the answer.
   *
   * @param lineOf returns a finding as text, without its last newline.
   */
  async openFindings<T extends object>(
    columns: readonly Column<T>[],
    lineOf: (finding: T) => string,
  ): Promise<Findings<T>> {
    return openFindings(this.#printer, columns, lineOf)
  }

  /** Prints the summary of findings, in JSON and YAML without `--columns`. Otherwise prints nothing. */
  async summary(summary: object): Promise<void> {
    if (isSummary(this.#printer)) await this.thing(summary)
  }

  /** Prints a number of items, by default alone on a line. */
  async count(count: number): Promise<void> {
    await this.thing({ count }, `${count}`)
  }

  /**
   * Prints a new item after its commit: by default its ID alone on a line. Prints nothing in a dry run.
   *
   * @throws VdcError OUTPUT_FAILED if stdout cannot be written. The item stays stored.
   */
  async id(stored: { id: string }): Promise<void> {
    if (this.#session.isDryRun) return
    this.#printer.storedId = stored.id
    if (this.isAskedFor) await this.thing(stored)
    else await this.text(`${stored.id}\n`)
  }

  /**
   * Prints several new items, each after its commit: by default their IDs, one per line. If one fails, continues as
   * `results` does. Prints nothing of a dry run but errors.
   *
   * @param afterEach is called with each item after it was printed.
   *
   * @throws VdcError OUTPUT_FAILED; an error after which the next items would fail too. Notes on stderr then say what
   *   is stored.
   */
  async ids<T extends { id: string }>(
    outcomes: AsyncIterable<Outcome<T>>,
    afterEach: (item: T) => Promise<void> = async () => {},
  ): Promise<void> {
    if (this.#session.isDryRun) await tellFailures(this.#outcomes, outcomes)
    else await printNewItems(this.#printer, this.#outcomes, outcomes, afterEach)
  }

  /** Prints text unchanged. */
  async text(text: string): Promise<void> {
    await this.#printer.text(text)
  }

  /** Prints the path of a file. As ls does: exactly in a pipe, with control characters escaped on a terminal. */
  async path(path: string): Promise<void> {
    await this.text(`${process.stdout.isTTY ? printable(path) : path}\n`)
  }

  /**
   * Prints a single item, by default as text.
   *
   * @param text the item as text; default: one line per field.
   */
  async thing(thing: object, text?: string): Promise<void> {
    await this.#printer.thing(thing, text)
    await this.#printer.endThings(true)
  }

  /** Prints the result of a change, if a format or columns were asked for. Prints nothing in a dry run. */
  async result(thing: object): Promise<void> {
    if (this.isAskedFor && !this.#session.isDryRun) await this.thing(thing)
  }

  /**
   * Prints items, by default as text.
   *
   * @param isSingle print the only item itself, not a list with one item.
   * @param textOf returns an item as text, or the fields to print, one per line; default: those of the item.
   */
  async things<T extends object>(
    things: AsyncIterable<T>,
    isSingle: boolean,
    textOf?: (thing: T) => string | object,
  ): Promise<void> {
    for await (const thing of things) await this.#printer.thing(thing, textOf?.(thing))
    await this.#printer.endThings(isSingle)
  }

  /**
   * Works on items, and prints the results.
   *
   * @param textOf as in `things`.
   * @throws VdcError as `results`.
   */
  async showEach<T extends object>(
    words: readonly string[],
    work: Work<T>,
    textOf?: (thing: T) => string | object,
  ): Promise<void> {
    await this.things(this.results(words, work), isOne(words), textOf)
  }

  /**
   * Works on items, and prints the results: at a terminal as sections, in a pipe as lines.
   *
   * @param verbose print sections with all fields, also in a pipe.
   * @param linesOf returns the fields to print in a pipe; default: those of the item.
   * @throws VdcError as `results`.
   */
  async showSections<T extends object>(
    words: readonly string[],
    work: Work<T>,
    sectionsOf: (thing: T) => readonly Section[],
    { verbose, linesOf }: { verbose: boolean; linesOf?: (thing: T) => object },
  ): Promise<void> {
    const { mayWrap, now } = this.#printer
    const isForPeople = verbose || mayWrap
    await this.showEach(
      words,
      work,
      isForPeople ? (thing) => renderSections(sectionsOf(thing), { verbose, now }) : linesOf,
    )
  }

  /**
   * Changes items, and prints the results if a format or columns were asked for. Otherwise tells a person
   * what happened.
   *
   * @throws VdcError as `results`.
   */
  async each<T extends object>(words: readonly string[], work: Work<T>): Promise<void> {
    if (!this.isAskedFor || this.#session.isDryRun) {
      const notes = this.isTelling
        ? new (await import('../notes/change-notes.ts')).ChangeNotes(isOne(words))
        : undefined
      for await (const { result, happened } of this.#outcomes.of(words, work)) await notes?.tell(happened, result)
      await notes?.end()
      return
    }
    const release = this.#session.delaySignals(() => this.#outcomes.isPrinting)
    try {
      await this.showEach(words, work)
    } finally {
      release()
    }
  }

  /**
   * Works on items, and yields the results, as `Outcomes.of`.
   *
   * @param words IDs; `-` stands for those on stdin.
   * @throws VdcError the error of a single item, or one after which the next items would fail too.
   */
  async *results<T>(words: readonly string[], work: Work<T>): AsyncGenerator<T> {
    for await (const { result } of this.#outcomes.of(words, work)) yield result
  }

  /** Prints the changes that a dry run would make, by default as text, and a note that nothing was written. */
  async changes(changes: readonly Change[]): Promise<void> {
    const { printChanges } = await import('./dry-run.ts')
    await printChanges(this.#printer, changes)
  }

  /** Prints a note to stderr. */
  async note(text: string): Promise<void> {
    await writeNote(text)
  }

  /** Prints a warning to stderr. */
  async warning(text: string): Promise<void> {
    await writeNote(warningText(text))
  }

  /**
   * Reports an error to stderr in addition to the answer, and sets the exit code to the error's.
   *
   * @param options.isAnswered the answer contains the error if it is JSON, and it is then not repeated
   *   on stderr.
   */
  async error(error: VdcError, options = { isAnswered: true }): Promise<void> {
    await tellError(error, options.isAnswered && this.isJson)
  }
}
