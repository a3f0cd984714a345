import type { ErrorJson } from '../../errors.ts'
import { boldOn } from '../color.ts'
import { outputClosed, writeNote, writeOut } from '../output.ts'
import { printable } from '../printable.ts'
import { type Column, columnsNamed, pickOrFailure } from './columns.ts'
import { renderFields } from './fields.ts'
import { type AnswerOptions, type Format, isStreamed } from './format.ts'
import type { RowWriter } from './rows.ts'

/** What became of one of several things, where it failed. */
export type Failure = { id: string } & ErrorJson

/** How a command answers: in which format, with which columns; each answer begins anew. */
export class Answer {
  /** An id that is stored and must reach somebody, whatever happens to stdout. */
  storedId: string | undefined
  readonly #options: AnswerOptions
  /** The keys of what is answered, where nothing tells them, as of an empty list. */
  readonly #keys: () => Promise<readonly string[]>
  readonly #things: object[] = []
  #rows: RowWriter | undefined
  #isBegun = false
  /** Whether a thing was shown to a person, from which the next stands apart. */
  #isShown = false

  constructor(options: AnswerOptions, keys: () => Promise<readonly string[]>) {
    this.#options = options
    this.#keys = keys
  }

  /** Whether a format was asked for, so that also a command answers that else says nothing. */
  get isAskedFor(): boolean {
    return this.#options.format !== undefined || this.#options.columns !== undefined
  }

  /** Whether anything was answered. */
  get isBegun(): boolean {
    return this.#isBegun
  }

  get format(): Format {
    return this.#options.format ?? 'table'
  }

  /** Whether a person reads the answer at a terminal, who need not have a row in a line. */
  get mayWrap(): boolean {
    const { quiet, header } = this.#options
    return !this.isAskedFor && !quiet && header && process.stdout.isTTY === true
  }

  /** Prints a text that stands for the whole answer where no format is asked for. */
  async text(text: string): Promise<void> {
    this.#isBegun = true
    await this.#print(text)
  }

  /**
   * Answers with a list: ids, ndjson, csv and value as the rows come; the others when all are there.
   *
   * @returns the rows, but for what was written as it came.
   */
  async list<T extends object>(rows: AsyncIterable<T> | Promise<T[]>, columns: readonly Column<T>[]): Promise<T[]> {
    const list = await this.openList(columns)
    for await (const row of 'then' in rows ? await rows : rows) if (!(await list.write(row))) break
    return list.end()
  }

  /** Begins a list whose rows come one by one. */
  async openList<T extends object>(
    columns: readonly Column<T>[],
  ): Promise<{ write: (row: T) => Promise<boolean>; end: () => Promise<T[]> }> {
    this.#isBegun = true
    if (this.#options.quiet) {
      return { write: (row) => writeOut(`${printable(String((row as { id?: unknown }).id))}\n`), end: async () => [] }
    }
    if (isStreamed(this.format)) {
      const writer = await this.#rowWriter()
      return {
        write: (row) => writer.write(row),
        end: async () => {
          await writer.end()
          return []
        },
      }
    }
    const rows: T[] = []
    return {
      write: async (row) => {
        if (this.format !== 'table') this.#things.push(this.#picked(row))
        return rows.push(row) > 0
      },
      end: async () => {
        await (this.format === 'table' ? this.#table(columns, rows) : this.#whole(this.#things))
        return rows
      },
    }
  }

  /**
   * Begins an answer of what is found one after the other, of which there is a
   * summary at the end: as rows in formats of rows, else as lines for people;
   * json and yaml tell the summary, where no columns are asked for.
   */
  async openFindings<T extends object>(
    columns: readonly Column<T>[],
    lineOf: (finding: T) => string,
  ): Promise<{ write: (finding: T) => Promise<unknown>; end: () => Promise<unknown> }> {
    const isSummary = !isStreamed(this.format) && this.format !== 'table' && this.#options.columns === undefined
    if (isSummary) return { write: async () => {}, end: async () => {} }
    if (this.isAskedFor) return this.openList(columns)
    return { write: (finding) => this.text(`${lineOf(finding)}\n`), end: async () => {} }
  }

  /**
   * Answers with one thing, or one of several.
   *
   * @param text how a person reads it; its fields where that is not given.
   */
  async thing(thing: object, text?: string): Promise<void> {
    this.#isBegun = true
    if (isStreamed(this.format)) {
      if (!(await (await this.#rowWriter()).write(thing))) this.#closed()
    } else if (this.format === 'table') {
      const shown = text !== undefined && this.#options.columns === undefined ? text : this.#fields(thing)
      await this.#print(`${this.#isShown ? '\n' : ''}${shown}\n`)
      this.#isShown = true
    } else {
      this.#things.push(this.#picked(thing))
    }
  }

  /** Notes of one of several things that it failed, which those formats tell in which an error is JSON. */
  async failure(failure: Failure): Promise<void> {
    this.#isBegun = true
    if (this.format === 'ndjson') await (await this.#rowWriter()).write(failure)
    else if (this.format === 'json' || this.format === 'yaml') this.#things.push(failure)
  }

  /** Ends an answer of things. @param isOne it is the one thing itself, not a list of it. */
  async endThings(isOne: boolean): Promise<void> {
    this.#isBegun = true
    await this.#rows?.end()
    if (this.format === 'json' || this.format === 'yaml') await this.#whole(isOne ? this.#things[0] : this.#things)
  }

  async #rowWriter(): Promise<RowWriter> {
    if (this.#rows !== undefined) return this.#rows
    const { rowWriter } = await import('./rows.ts')
    const { header, columns: names } = this.#options
    this.#rows = await rowWriter(this.format, { names, header, storedId: this.storedId, keys: this.#keys })
    return this.#rows
  }

  async #table<T extends object>(columns: readonly Column<T>[], rows: readonly T[]): Promise<void> {
    const { renderTable } = await import('./table.ts')
    const { columns: names, header } = this.#options
    const { text, leftOut } = await renderTable(names === undefined ? columns : columnsNamed(columns, names), rows, {
      header,
      now: this.#now,
      width: names === undefined ? terminalWidth() : undefined,
      emphasize: boldOn(process.stdout),
    })
    if (text !== '') await this.#print(`${text}\n`)
    if (leftOut.length === 0) return
    await writeNote(`No room in ${terminalWidth()} columns for ${leftOut.join(', ')}; --columns chooses what is shown`)
  }

  #fields(thing: object): string {
    return renderFields(this.#picked(thing), this.#now)
  }

  async #whole(value: unknown): Promise<void> {
    const { renderWhole } = await import('./whole.ts')
    await this.#print(await renderWhole(this.format as 'json' | 'yaml', value))
  }

  #picked(row: object): object {
    return pickOrFailure(row, this.#options.columns)
  }

  get #now(): Date | undefined {
    return this.#options.relative ? new Date() : undefined
  }

  async #print(text: string): Promise<void> {
    if (!(await writeOut(text, this.storedId))) this.#closed()
  }

  /** That nobody reads on is no error, unless it is of an id that would be lost. */
  #closed(): void {
    if (this.storedId !== undefined) throw outputClosed()
  }
}

/** Columns of the terminal that stdout is; undefined where it is none, or one that does not tell, as of `script` or a serial line. */
function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns || undefined : undefined
}
