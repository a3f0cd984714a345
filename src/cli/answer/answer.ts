import type { ErrorJson } from '../../core/errors.ts'
import { boldOn } from '../terminal/color.ts'
import { outputClosed, writeNote, writeOut } from '../terminal/output.ts'
import { type Column, columnsNamed, keyOf, pickOrFailure } from './columns.ts'
import type { WholeList } from './documents.ts'
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
  /** Things of a JSON or YAML answer that are not rendered yet. */
  readonly #things: object[] = []
  #rows: RowWriter | undefined
  #whole: WholeList | undefined
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
   * The keys of its rows that a list needs; undefined for all.
   *
   * @param columns the default columns of the list.
   */
  keysOf<T extends object>(columns: readonly Column<T>[]): readonly string[] | undefined {
    const { quiet, columns: names } = this.#options
    if (quiet) return ['id']
    if (this.format === 'table') return this.#shown(columns).flatMap(({ name, needs = [] }) => [keyOf(name), ...needs])
    return names?.map(keyOf)
  }

  /** Prints a list. IDs, ndjson, csv and value are printed batch by batch; the other formats when all rows are there. */
  async list<T extends object>(
    batches: AsyncIterable<readonly T[]> | Iterable<readonly T[]>,
    columns: readonly Column<T>[],
  ): Promise<void> {
    const list = await this.openList(columns)
    for await (const rows of batches) if (!(await list.write(rows))) break
    await list.end()
  }

  /** Begins a list whose rows come in batches. */
  async openList<T extends object>(
    columns: readonly Column<T>[],
  ): Promise<{ write: (rows: readonly T[]) => Promise<boolean>; end: () => Promise<void> }> {
    this.#isBegun = true
    if (this.#options.quiet) return (await import('./rows.ts')).idWriter()
    if (isStreamed(this.format)) return this.#rowWriter()
    if (this.format === 'table') return this.#tableWriter(columns)
    return {
      write: async (rows) => {
        for (const row of rows) this.#things.push(this.#picked(row))
        await this.#render()
        return true
      },
      end: () => this.#endWhole(),
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
  ): Promise<{ write: (finding: T) => Promise<unknown>; end: () => Promise<void> }> {
    const isSummary = !isStreamed(this.format) && this.format !== 'table' && this.#options.columns === undefined
    if (isSummary) return { write: async () => {}, end: async () => {} }
    if (this.isAskedFor) {
      const list = await this.openList(columns)
      return { write: (finding) => list.write([finding]), end: list.end }
    }
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
      if (!(await (await this.#rowWriter()).write([thing]))) this.#closed()
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
    if (this.format === 'ndjson') await (await this.#rowWriter()).write([failure])
    else if (this.format === 'json' || this.format === 'yaml') this.#things.push(failure)
  }

  /** Ends an answer of things. @param isOne it is the one thing itself, not a list of it. */
  async endThings(isOne: boolean): Promise<void> {
    this.#isBegun = true
    await this.#rows?.end()
    if (this.format !== 'json' && this.format !== 'yaml') return
    if (!isOne) return this.#endWhole()
    const { renderWhole } = await import('./documents.ts')
    await this.#print(await renderWhole(this.format, this.#things[0]))
  }

  async #rowWriter(): Promise<RowWriter> {
    if (this.#rows !== undefined) return this.#rows
    const { rowWriter } = await import('./rows.ts')
    const { header, columns: names } = this.#options
    this.#rows = rowWriter(this.format, { names, header, storedId: this.storedId, keys: this.#keys })
    return this.#rows
  }

  async #tableWriter<T extends object>(columns: readonly Column<T>[]) {
    const { Table } = await import('./table.ts')
    const { columns: names, header } = this.#options
    const width = names === undefined ? terminalWidth() : undefined
    const table = new Table(this.#shown(columns), { header, now: this.#now, width, emphasize: boldOn(process.stdout) })
    return {
      write: async (rows: readonly T[]) => {
        table.add(rows)
        return true
      },
      end: async () => {
        const { pieces, leftOut } = table.end()
        await this.#printAll(pieces)
        if (leftOut.length === 0) return
        await writeNote(`No room in ${width} columns for ${leftOut.join(', ')}; --columns chooses what is shown`)
      },
    }
  }

  /** The columns of a table: those asked for, else the default ones. */
  #shown<T extends object>(columns: readonly Column<T>[]): readonly Column<T>[] {
    const { columns: names } = this.#options
    return names === undefined ? columns : columnsNamed(columns, names)
  }

  #fields(thing: object): string {
    return renderFields(this.#picked(thing), this.#now)
  }

  /** Renders the things of a JSON or YAML answer, so that only their text is kept. */
  async #render(): Promise<WholeList> {
    if (this.#whole === undefined) {
      const { WholeList } = await import('./documents.ts')
      this.#whole = new WholeList(this.format as 'json' | 'yaml')
    }
    await this.#whole.add(this.#things.splice(0))
    return this.#whole
  }

  async #endWhole(): Promise<void> {
    await this.#printAll((await this.#render()).text())
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

  async #printAll(pieces: AsyncIterable<string>): Promise<void> {
    for await (const piece of pieces) {
      if (await writeOut(piece, this.storedId)) continue
      this.#closed()
      break
    }
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
