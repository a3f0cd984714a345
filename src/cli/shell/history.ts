import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Lines that are kept. */
const SIZE = 1000

/**
 * What was typed at the prompt, across sessions: a file with a line a command,
 * for its owner alone. Each command is added as it is run, so that sessions side
 * by side keep each other's. Where the file can't be read or written, there is
 * no history, and nobody is bothered.
 */
export class ShellHistory {
  readonly size = SIZE
  readonly #folder: string
  readonly #path: string
  #last: string | undefined

  /** @param folder where this program keeps its data. */
  constructor(folder: string) {
    this.#folder = folder
    this.#path = join(folder, 'shell_history')
  }

  /** The lines, the newest first, as Node's readline wants them. */
  read(): string[] {
    let lines: string[]
    try {
      lines = readFileSync(this.#path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    } catch {
      return []
    }
    if (lines.length > 2 * SIZE) this.#shorten(lines.slice(-SIZE))
    this.#last = lines.at(-1)
    return [...new Set(lines.slice(-SIZE).reverse())]
  }

  /** Adds a line; not one that begins with a blank, and not the last one again. */
  add(line: string): void {
    const text = line.trimEnd()
    if (/^\s/.test(text) || text === this.#last) return
    this.#last = text
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      appendFileSync(this.#path, `${text}\n`, { mode: 0o600 })
    } catch {
      // As said above.
    }
  }

  /** By way of a file of a fixed name, so that one that was killed leaves nothing that the next doesn't replace. */
  #shorten(lines: readonly string[]): void {
    try {
      writeFileSync(`${this.#path}.new`, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 })
      renameSync(`${this.#path}.new`, this.#path)
    } catch {
      // As said above.
    }
  }
}
