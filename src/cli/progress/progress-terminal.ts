import { clearLine, clearScreenDown, cursorTo, moveCursor } from 'node:readline'
import type { WriteStream } from 'node:tty'

/**
 * The terminal for cli-progress, in place of its own, which moves the cursor back to where it was
 * at the start, although other lines may have been written since. It also turns off line wrapping,
 * and a killed process would not turn it on again.
 */
export class ProgressTerminal {
  readonly #stream: WriteStream
  readonly #onResize = () => this.#clearWrapped()
  /** Columns from the start of the line to the cursor, as it was drawn. */
  #drawn = 0

  constructor(stream: WriteStream) {
    this.#stream = stream
    stream.on('resize', this.#onResize)
  }

  /** Stops watching the terminal's size. */
  release(): void {
    this.#stream.off('resize', this.#onResize)
  }

  getWidth(): number {
    return this.#stream.columns || 80
  }

  isTTY(): boolean {
    return true
  }

  cursorTo(column: number): void {
    cursorTo(this.#stream, column)
  }

  write(text: string): void {
    this.#stream.write(text)
    this.#drawn = text.length
  }

  clearRight(): void {
    clearLine(this.#stream, 1)
  }

  /** Clears the line and moves the cursor to its start. */
  clearLine(): void {
    cursorTo(this.#stream, 0)
    clearLine(this.#stream, 0)
    this.#drawn = 0
  }

  /** Clears the lines into which the terminal has wrapped the bar because it became narrower. */
  #clearWrapped(): void {
    const above = Math.ceil(this.#drawn / this.getWidth()) - 1
    if (above > 0) moveCursor(this.#stream, 0, -above)
    cursorTo(this.#stream, 0)
    clearScreenDown(this.#stream)
    this.#drawn = 0
  }

  cursorSave(): void {}
  cursorRestore(): void {}
  lineWrapping(): void {}
}
