import { asVdcError, ERRORS, type ErrorCode, isOfDatabase, VdcError } from '../../core/errors.ts'
import type { Outcome } from '../../registry/batch/batches.ts'
import type { Change } from '../../registry/change.ts'
import { errorText, warningText } from '../errors/report-error.ts'
import type { Session } from '../session/session.ts'
import { noneOnStdin, STDIN } from '../session/stdin-ids.ts'
import { printable } from '../terminal/escape.ts'
import { isHoldingAll, writeNote } from '../terminal/output.ts'
import type { Column } from './columns.ts'
import { isJson, isStreamed } from './format.ts'
import type { Printer } from './printer.ts'
import { renderSections, type Section } from './sections.ts'
import { StoredItems } from './stored-items.ts'

/** Errors after which the next items would fail too, in addition to errors of the database. */
const FINAL: readonly ErrorCode[] = [
  'COMMIT_UNCERTAIN',
  'SCHEMA_MISSING',
  'SCHEMA_OLDER',
  'QEMU_IMG_FAILED',
  'INTERRUPTED',
  'TERMINATED',
]

/** A report, whose error is its own. */
interface Reported {
  error?: { code: ErrorCode; message: string; hint?: string | undefined } | undefined
}

/** Works on several items. `oneByOne` makes it from work on one item. */
type Work<T> = (ids: readonly string[]) => AsyncIterable<Outcome<T>>

/** The outcome of an item that did not fail. */
type Done<T> = Extract<Outcome<T>, { result: T }>

/** Returns true if the words name a single item. IDs on stdin count as several. */
function isOne(words: readonly string[]): boolean {
  return words.length === 1 && words[0] !== STDIN
}

/** Prints the answer of a command to stdout, and notes, warnings and errors to stderr. */
export class Answer {
  readonly #printer: Printer
  readonly #session: Session
  readonly #inOptions: (error: unknown) => unknown
  /** True while results are printed. Other results may be committed, but not printed yet. */
  #isPrinting = false

  /** @param inOptions replaces the registry's fields in an error by the command's options. */
  constructor(printer: Printer, session: Session, inOptions: (error: unknown) => unknown) {
    this.#printer = printer
    this.#session = session
    this.#inOptions = inOptions
  }

  /** True if only IDs were asked for. */
  get isQuiet(): boolean {
    return this.#printer.isQuiet
  }

  /** True if a format, columns or IDs were asked for. Commands that print nothing by default then print an answer. */
  get isAskedFor(): boolean {
    return this.#printer.isAskedFor
  }

  /** True if the answer is a table with the default columns. */
  get isPlainTable(): boolean {
    return this.#printer.format === 'table' && !this.#printer.hasColumns && !this.isQuiet
  }

  /** True if a person is told what was done, in addition to the answer. */
  get isTelling(): boolean {
    return !this.isAskedFor && !this.#printer.isForScripts && this.#session.isWithPerson
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
  ): Promise<{ write: (finding: T) => Promise<unknown>; end: () => Promise<void> }> {
    if (this.#isSummary) return { write: async () => {}, end: async () => {} }
    if (this.isAskedFor) {
      const list = await this.#printer.openList(columns)
      return { write: (finding) => list.write([finding]), end: list.end }
    }
    return { write: (finding) => this.text(`${lineOf(finding)}\n`), end: async () => {} }
  }

  /** Prints the summary of findings, in JSON and YAML without `--columns`. Otherwise prints nothing. */
  async summary(summary: object): Promise<void> {
    if (this.#isSummary) await this.thing(summary)
  }

  get #isSummary(): boolean {
    const { format, hasColumns } = this.#printer
    return !isStreamed(format) && format !== 'table' && !hasColumns
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
    const stored = new StoredItems()
    try {
      for await (const outcome of outcomes) {
        if (!('result' in outcome)) await this.#failure(outcome, false)
        else if (!this.#session.isDryRun) {
          stored.add(outcome)
          this.#printer.storedId = stored.unprinted
          await this.#idOrThing(outcome.result, stored)
          await afterEach(outcome.result)
        }
      }
      if (!this.#session.isDryRun) await this.#printer.endThings(false)
    } catch (error) {
      // They are told here, and only once.
      this.#printer.storedId = undefined
      await stored.tell()
      throw error
    }
  }

  async #idOrThing(item: { id: string }, stored: StoredItems): Promise<void> {
    if (this.isAskedFor) await this.#printer.thing(item)
    else await this.text(`${item.id}\n`)
    if (!this.#printer.isWhole) stored.printed()
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
   * Prints reports as they come: several of them at a terminal, or if `--format table` is given, as a table, with
   * what is to be said about them below. Otherwise as text, each followed by its error.
   *
   * @param how.columns the default columns of the table.
   * @param how.textOf returns a report as text.
   * @param how.findingsOf returns all errors and warnings of a report, for below the table.
   */
  async reports<T extends Reported>(
    reports: AsyncIterable<T>,
    isSingle: boolean,
    how: {
      columns: readonly Column<T>[]
      textOf: (report: T) => string
      findingsOf: (report: T) => (VdcError | string)[]
    },
  ): Promise<void> {
    if (isSingle || !this.#printer.prefersTable)
      return this.things(
        followed(reports, async ({ error }) => {
          if (error !== undefined) await this.error(new VdcError(error.code, error.message, { hint: error.hint }))
        }),
        isSingle,
        how.textOf,
      )
    const findings: (VdcError | string)[] = []
    try {
      await this.listAsDone(
        followed(reports, async (report) => void findings.push(...how.findingsOf(report))),
        how.columns,
      )
    } finally {
      for (const finding of findings) await (typeof finding === 'string' ? this.warning(finding) : this.error(finding))
    }
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
      const said = this.isTelling ? new (await import('../said/said.ts')).Said(isOne(words)) : undefined
      for await (const { result, happened } of this.#outcomes(words, work)) await said?.tell(happened, result)
      await said?.end()
      return
    }
    const release = this.#session.delaySignals(() => this.#isPrinting)
    try {
      await this.showEach(words, work)
    } finally {
      release()
    }
  }

  /**
   * Works on items, and yields the results. If one of several items fails, reports it, continues with
   * the next one, and sets the exit code to 9.
   *
   * @param words IDs; `-` stands for those on stdin.
   * @param work is called with each batch of IDs as it arrives.
   * @throws VdcError the error of a single item, or one after which the next items would fail too;
   *   as `StdinIds.of`.
   */
  async *results<T>(words: readonly string[], work: Work<T>): AsyncGenerator<T> {
    for await (const { result } of this.#outcomes(words, work)) yield result
  }

  /** As `results`, with what happened to the items. */
  async *#outcomes<T>(words: readonly string[], work: Work<T>): AsyncGenerator<Done<T>> {
    let count = 0
    for await (const ids of this.#session.ids(words)) {
      count += ids.length
      for await (const outcome of work(ids)) {
        this.#isPrinting = true
        if ('result' in outcome) yield outcome
        else await this.#failure(outcome, isOne(words))
        this.#isPrinting = false
      }
    }
    if (count === 0) await writeNote(noneOnStdin())
  }

  /**
   * Reports the failure of an item, and sets the exit code.
   *
   * @throws VdcError the failure, if it is the only item, or the next ones would fail too.
   */
  async #failure({ id, error: thrown }: { id: string; error: VdcError }, isOnly: boolean): Promise<void> {
    const error = asVdcError(this.#inOptions(thrown))
    if (isOnly || this.#isFinal(error.code)) throw error
    await this.error(error)
    process.exitCode = ERRORS.PARTLY_DONE.exit
    await this.#printer.failure({ id, ...error.toJSON() })
  }

  #isFinal(code: ErrorCode): boolean {
    return FINAL.includes(code) || isOfDatabase(code) || (code === 'DATABASE_BUSY' && this.#session.isTogether)
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
    process.exitCode = error.exit
    if (!options.isAnswered || !this.isJson || isHoldingAll()) await writeNote(errorText(error))
  }
}

/** Yields items, and calls `then` with each after it was printed. */
async function* followed<T>(items: AsyncIterable<T>, then: (item: T) => Promise<void>): AsyncGenerator<T> {
  for await (const item of items) {
    yield item
    await then(item)
  }
}
