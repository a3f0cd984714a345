import { asVdcError, type ErrorCode, isOfDatabase, type VdcError } from '../../core/errors.ts'
import type { Outcome } from '../../registry/batch/batches.ts'
import type { Change } from '../../registry/change.ts'
import { errorText, warningText } from '../errors/report-error.ts'
import type { Session } from '../session/session.ts'
import { NO_IDS, STDIN } from '../session/stdin-ids.ts'
import { boldOn } from '../terminal/color.ts'
import { isHoldingAll, writeNote } from '../terminal/output.ts'
import type { Column } from './columns.ts'
import { isJson, isStreamed } from './format.ts'
import type { Printer } from './printer.ts'

/** Exit code of a command on several things of which some failed. */
const PARTLY_DONE = 9
/** Errors after which what comes next would fail too, besides those of the database. */
const FINAL: readonly ErrorCode[] = ['COMMIT_UNCERTAIN', 'SCHEMA_MISSING', 'SCHEMA_OLDER', 'INTERRUPTED', 'TERMINATED']

/** Works on several things; `oneByOne` makes it from work on one. */
type Work<T> = (ids: readonly string[]) => AsyncIterable<Outcome<T>>

/** Says whether words name one thing, not several or those on stdin. */
function isOne(words: readonly string[]): boolean {
  return words.length === 1 && words[0] !== STDIN
}

/** What a command prints: its answer on stdout, and what a person should know on stderr. */
export class Answer {
  readonly #printer: Printer
  readonly #session: Session
  readonly #inOptions: (error: unknown) => unknown
  /** Whether results are being printed, with which others may be committed that are not printed yet. */
  #isTelling = false

  /** @param inOptions puts the command's options in the place of the registry's fields in an error. */
  constructor(printer: Printer, session: Session, inOptions: (error: unknown) => unknown) {
    this.#printer = printer
    this.#session = session
    this.#inOptions = inOptions
  }

  /** Whether a format was asked for, so that also a command answers that else says nothing. */
  get isAskedFor(): boolean {
    return this.#printer.isAskedFor
  }

  /** Whether the answer is JSON, and holds errors, too. */
  get isJson(): boolean {
    return isJson(this.#printer.format)
  }

  /** Whether the answer is rows of cells, which only things of one kind can be. */
  get isCells(): boolean {
    return this.#printer.format === 'csv' || this.#printer.format === 'value'
  }

  /** An ID that is stored and must reach somebody. */
  get storedId(): string | undefined {
    return this.#printer.storedId
  }

  /**
   * Prints a list in whatever format is asked for, else as a table.
   *
   * @param batchesOf returns the rows in batches, at least with the given keys; undefined for all keys.
   */
  async list<T extends object>(
    batchesOf: (keys: readonly string[] | undefined) => AsyncIterable<readonly T[]> | Iterable<readonly T[]>,
    columns: readonly Column<T>[],
  ): Promise<void> {
    await this.#printer.list(batchesOf(this.#printer.keysOf(columns)), columns)
  }

  /**
   * As `list`, of what is done on the way: where that ends with an error,
   * what was done until then is told, but in formats of which it would be no whole.
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
   * Begins an answer of what is found one after the other: as rows where a format is asked for,
   * else as lines for people. Where `summary` is to be told instead, it is nothing.
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

  /** Prints the summary of findings in json and yaml, where no columns are asked for. */
  async summary(summary: object): Promise<void> {
    if (this.#isSummary) await this.thing(summary)
  }

  get #isSummary(): boolean {
    const { format, hasColumns } = this.#printer
    return !isStreamed(format) && format !== 'table' && !hasColumns
  }

  /** Prints how many there are, alone on its line. */
  async count(count: number): Promise<void> {
    await this.thing({ count }, `${count}`)
  }

  /** Prints the ID of what was just stored, alone on its line, after the commit; the whole thing where a format is asked for. */
  async id(stored: { id: string }): Promise<void> {
    if (this.#session.isDryRun) return
    this.#printer.storedId = stored.id
    if (this.isAskedFor) await this.thing(stored)
    else await this.text(`${stored.id}\n`)
  }

  /** Prints a text as it is. */
  async text(text: string): Promise<void> {
    await this.#printer.text(text)
  }

  /**
   * Prints one thing in whatever format is asked for, else for people.
   *
   * @param text how these read it; its fields where that is not given.
   */
  async thing(thing: object, text?: string): Promise<void> {
    await this.#printer.thing(thing, text)
    await this.#printer.endThings(true)
  }

  /** Prints what a change resulted in, only where a format is asked for. */
  async result(thing: object): Promise<void> {
    if (this.isAskedFor && !this.#session.isDryRun) await this.thing(thing)
  }

  /**
   * Prints things one by one.
   *
   * @param isSingle it is the one thing itself, not a list of it.
   * @param textOf how people read one; its fields where that is not given.
   */
  async things<T extends object>(
    things: AsyncIterable<T>,
    isSingle: boolean,
    textOf?: (thing: T) => string,
  ): Promise<void> {
    for await (const thing of things) await this.#printer.thing(thing, textOf?.(thing))
    await this.#printer.endThings(isSingle)
  }

  /** Works on each of several things as `results` does, and prints them. */
  async showEach<T extends object>(words: readonly string[], work: Work<T>): Promise<void> {
    await this.things(this.results(words, work), isOne(words))
  }

  /** Changes each of several things as `results` does; prints what comes of it only where a format is asked for. */
  async each<T extends object>(words: readonly string[], work: Work<T>): Promise<void> {
    if (!this.isAskedFor || this.#session.isDryRun) {
      for await (const _ of this.results(words, work));
      return
    }
    const release = this.#session.delaySignals(() => this.#isTelling)
    try {
      await this.showEach(words, work)
    } finally {
      release()
    }
  }

  /**
   * Does the same to each of several things and goes on past one that fails,
   * of which the answer tells: then the exit code is 9. A single thing fails with
   * its own exit code.
   *
   * @param words IDs; `-` stands for those on stdin.
   * @param work works on the IDs that have arrived.
   */
  async *results<T>(words: readonly string[], work: Work<T>): AsyncGenerator<T> {
    let count = 0
    for await (const ids of this.#session.ids(words)) {
      count += ids.length
      for await (const outcome of work(ids)) {
        this.#isTelling = true
        if ('result' in outcome) yield outcome.result
        else await this.#failure(outcome, isOne(words))
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
  async #failure({ id, error: thrown }: { id: string; error: VdcError }, isOnly: boolean): Promise<void> {
    const error = asVdcError(this.#inOptions(thrown))
    if (isOnly || this.#isFinal(error.code)) throw error
    await this.error(error)
    process.exitCode = PARTLY_DONE
    await this.#printer.failure({ id, ...error.toJSON() })
  }

  #isFinal(code: ErrorCode): boolean {
    return FINAL.includes(code) || isOfDatabase(code) || (code === 'DATABASE_BUSY' && this.#session.isTogether)
  }

  /** Prints what a dry run would have done. */
  async changes(changes: readonly Change[]): Promise<void> {
    const { CHANGE_COLUMNS, changeText, fullChange } = await import('./columns/change.ts')
    // History rows follow from the other rows and would bury them in a table.
    const isHidden = (change: Change) =>
      this.#printer.format === 'table' && 'table' in change && change.table === 'histories'
    const shown = changes.filter((change) => !isHidden(change)).map(fullChange)
    const hidden = changes.length - shown.length
    if (this.#printer.mayWrap) {
      const bold = boldOn(process.stdout)
      await this.text(shown.map((change) => changeText(change, bold)).join(''))
    } else await this.#printer.list([shown], CHANGE_COLUMNS)
    if (changes.length === 0) return writeNote('Dry run: nothing would change')
    const history = hidden === 0 ? '' : ` (${hidden} more row${hidden === 1 ? '' : 's'} in histories)`
    await writeNote(`Dry run: nothing was written${history}`)
  }

  /** Says something to a person, on stderr. */
  async note(text: string): Promise<void> {
    await writeNote(text)
  }

  /** Tells of what is done all the same, and should be known. */
  async warning(text: string): Promise<void> {
    await writeNote(warningText(text))
  }

  /**
   * Tells an error that comes with an answer, and ends with its exit code.
   *
   * @param options.isAnswered in JSON the answer holds it, so that it is told there alone.
   */
  async error(error: VdcError, options = { isAnswered: true }): Promise<void> {
    process.exitCode = error.exit
    if (!options.isAnswered || !this.isJson || isHoldingAll()) await writeNote(errorText(error))
  }
}
