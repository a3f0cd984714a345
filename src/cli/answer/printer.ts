import type { ErrorJson } from '../../core/errors.ts'
import { boldOn } from '../terminal/color.ts'
import { printable } from '../terminal/escape.ts'
import { outputClosed, writeNote, writeOut } from '../terminal/output.ts'
import { type Column, columnsNamed, keyOf, pickOrFailure } from './columns.ts'
import type { WholeList } from './documents.ts'
import { renderFields } from './fields.ts'
import { type AnswerOptions, type Format, isStreamed } from './format.ts'
import type { RowWriter, TextOf } from './rows.ts'

/** The error of one of several items. */
type Failure = { id: string } & ErrorJson

/** The most items of a JSON or YAML answer that are kept as objects. */
const MOST_KEPT = 100

/** Prints what a command answers, in the format and with the columns asked for. */
export class Printer {
  /** A stored ID that must reach the user, even if stdout is closed. */
  storedId: string | undefined
  readonly #options: AnswerOptions
  /** Returns the keys of the rows, for an empty list, whose rows do not show them. */
  readonly #keys: () => Promise<readonly string[]>
  /** Items of a JSON or YAML answer that are not rendered yet. */
  readonly #things: object[] = []
  #rows: RowWriter | undefined
  #whole: WholeList | undefined
  /** True if an item was printed as text. The next one is separated by an empty line. */
  #hasPrintedText = false

  constructor(options: AnswerOptions, keys: () => Promise<readonly string[]>) {
    this.#options = options
    this.#keys = keys
  }

  /** True if a format, columns or IDs were asked for. Commands that print nothing by default then print an answer. */
  get isAskedFor(): boolean {
    const { format, columns, quiet } = this.#options
    return format !== undefined || columns !== undefined || quiet
  }

  /** True if only IDs were asked for. */
  get isQuiet(): boolean {
    return this.#options.quiet
  }

  /** True if the answer has a form for scripts: IDs only, or another format than a table. */
  get isForScripts(): boolean {
    return this.#options.quiet || this.format !== 'table'
  }

  get format(): Format {
    return this.#options.format ?? 'table'
  }

  /** True if the answer is one JSON or YAML document. */
  get isWhole(): boolean {
    return this.format === 'json' || this.format === 'yaml'
  }

  /** True if columns were asked for. */
  get hasColumns(): boolean {
    return this.#options.columns !== undefined
  }

  /** True if the answer goes to a terminal in the default format, so a row may take several lines. */
  get mayWrap(): boolean {
    const { quiet, header } = this.#options
    return !this.isAskedFor && !quiet && header && process.stdout.isTTY === true
  }

  /** True if several reports should be a table: at a terminal in the default format, or if a table was asked for. */
  get prefersTable(): boolean {
    const { format } = this.#options
    return format === 'table' || (format === undefined && process.stdout.isTTY === true)
  }

  /** The time at which times are shown as ages; undefined for ISO 8601 UTC. */
  get now(): Date | undefined {
    return this.#options.relative ? new Date() : undefined
  }

  /** Prints a text as it is. */
  async text(text: string): Promise<void> {
    if (!(await writeOut(text, this.storedId))) this.#closed()
  }

  /**
   * Returns the keys of rows that a list needs; undefined for all.
   *
   * @param columns the default columns of the list.
   */
  keysOf<T extends object>(columns: readonly Column<T>[]): readonly string[] | undefined {
    const { quiet, columns: names } = this.#options
    if (quiet) return ['id']
    if (this.format === 'table') return this.#shown(columns).flatMap(({ name, needs = [] }) => [keyOf(name), ...needs])
    return names?.map(keyOf)
  }

  /** Prints a list, and returns the number of rows. IDs, ndjson, csv and value are printed batch by batch; other formats after the last row. */
  async list<T extends object>(
    batches: AsyncIterable<readonly T[]> | Iterable<readonly T[]>,
    columns: readonly Column<T>[],
  ): Promise<number> {
    const list = await this.openList(columns)
    let count = 0
    for await (const rows of batches) {
      count += rows.length
      if (!(await list.write(rows))) break
    }
    await list.end()
    return count
  }

  /** Starts a list whose rows arrive in batches. `write` returns false if no more rows are needed. */
  async openList<T extends object>(
    columns: readonly Column<T>[],
  ): Promise<{ write: (rows: readonly T[]) => Promise<boolean>; end: () => Promise<void> }> {
    if (this.#options.quiet) return (await import('./rows.ts')).idWriter()
    if (isStreamed(this.format)) return this.#rowWriter(columns)
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
   * Adds an item to the answer.
   *
   * @param text the item as text, or the fields to print, one per line; default: those of the item.
   */
  async thing(thing: object, text: string | object = thing): Promise<void> {
    if (this.#options.quiet) return this.#id(thing)
    if (isStreamed(this.format)) {
      if (!(await (await this.#rowWriter()).write([thing]))) this.#closed()
    } else if (this.format === 'table') {
      const shown = this.#options.columns === undefined ? this.#shownAs(text) : this.#fields(thing)
      await this.text(`${this.#hasPrintedText ? '\n' : ''}${shown}\n`)
      this.#hasPrintedText = true
    } else {
      this.#things.push(this.#picked(thing))
      // A single item, which is printed as it is, is never one of many.
      if (this.#things.length >= MOST_KEPT) await this.#render()
    }
  }

  async #id(thing: { id?: unknown }): Promise<void> {
    await this.text(`${printable(String(thing.id))}\n`)
  }

  /** Adds the error of one of several items to the answer, in the formats json, ndjson and yaml. */
  async failure(failure: Failure): Promise<void> {
    if (this.format === 'ndjson') await (await this.#rowWriter()).write([failure])
    else if (this.isWhole) this.#things.push(failure)
  }

  /**
   * Ends an answer of items.
   *
   * @param isOne print the only item itself, not a list with one item.
   */
  async endThings(isOne: boolean): Promise<void> {
    await this.#rows?.end()
    if (!this.isWhole) return
    if (!isOne || this.#options.array) return this.#endWhole()
    const { renderWhole } = await import('./documents.ts')
    await this.text(await renderWhole(this.format as 'json' | 'yaml', this.#things[0]))
  }

  /** @param columns those of the list; their cells are printed as text if they are shown on request only. */
  async #rowWriter<T extends object>(columns: readonly Column<T>[] = []): Promise<RowWriter> {
    if (this.#rows !== undefined) return this.#rows
    const { rowWriter } = await import('./rows.ts')
    const { header, columns: names } = this.#options
    const texts = new Map<string, TextOf>()
    for (const { name, cell, isOnRequest } of columns) if (isOnRequest && cell) texts.set(name, cell as TextOf)
    const options = { names, header, storedId: () => this.storedId, keys: this.#keys, texts }
    this.#rows = rowWriter(this.format, options)
    return this.#rows
  }

  async #tableWriter<T extends object>(columns: readonly Column<T>[]) {
    const { Table } = await import('./table.ts')
    const { header } = this.#options
    const width = terminalWidth()
    let isEmpty = true
    const table = new Table(this.#shown(columns), { header, now: this.now, width, emphasize: boldOn(process.stdout) })
    return {
      write: async (rows: readonly T[]) => {
        table.add(rows)
        isEmpty &&= rows.length === 0
        return true
      },
      end: async () => {
        const { pieces, leftOut } = table.end()
        await this.#printAll(pieces)
        if (isEmpty || leftOut.length === 0) return
        await writeNote(`Not shown in ${width} columns: ${leftOut.join(', ')}. Choose columns with --columns`)
      },
    }
  }

  /** Returns the columns of a table: those asked for, or the default columns. */
  #shown<T extends object>(columns: readonly Column<T>[]): readonly Column<T>[] {
    const { columns: names } = this.#options
    return names === undefined ? columns.filter(({ isOnRequest }) => !isOnRequest) : columnsNamed(columns, names)
  }

  #shownAs(text: string | object): string {
    return typeof text === 'string' ? text : renderFields(text, this.now)
  }

  #fields(thing: object): string {
    return renderFields(this.#picked(thing), this.now)
  }

  /** Renders the items of a JSON or YAML answer, so that only their text is kept in memory. */
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

  async #printAll(pieces: AsyncIterable<string>): Promise<void> {
    for await (const piece of pieces) {
      if (await writeOut(piece, this.storedId)) continue
      this.#closed()
      break
    }
  }

  /**
   * Handles a closed pipe, which is an error only if a stored ID would be lost.
   *
   * @throws VdcError OUTPUT_FAILED.
   */
  #closed(): void {
    if (this.storedId !== undefined) throw outputClosed()
  }
}

/** Returns the width of the terminal; undefined if stdout is not a terminal or its width is unknown, as on a serial line. */
function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns || undefined : undefined
}
