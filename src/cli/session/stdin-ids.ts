import { fstatSync } from 'node:fs'
import { VdcError } from '../../core/errors.ts'
import { Interruption } from '../../core/interruption.ts'
import { catchSignals } from './signals.ts'

/** The argument that stands for the IDs on stdin. */
export const STDIN = '-'
/** The note of a command that reads IDs from stdin and finds none. */
export const NO_IDS = 'No IDs on stdin: nothing to do'
/** If \r\n arrives in two pieces, there is an extra empty line; empty lines are ignored. */
const LINE_END = /\r\n|[\n\r\u2028\u2029]/
/** The longest line in characters, so that input without newlines does not fill the memory. */
const LONGEST_LINE = 65_536

/** The IDs on stdin, which one command of a process may read. */
export class StdinIds {
  readonly #interruption: Interruption | undefined
  #reader: string | undefined
  /** True if a command has started to read stdin. */
  #isRead = false
  /** The IDs read so far, for a script that may run again; undefined outside such a script. */
  #kept: string[] | undefined
  #source: AsyncIterator<string[]> | undefined

  /** @param interruption ends the wait for more IDs; undefined if signals end the process. */
  constructor(interruption?: Interruption) {
    this.#interruption = interruption
  }

  /**
   * Reserves stdin, for example for the script of a shell, so that commands cannot read IDs from it.
   *
   * @param by what stdin is, for the error message.
   */
  claim(by: string): void {
    this.#reader = by
  }

  /**
   * Starts a script that may run again from its start. From now on, IDs read from stdin are kept,
   * and the first command that reads stdin also gets those of earlier runs.
   */
  rewind(): void {
    this.#kept ??= []
    this.#isRead = false
  }

  /**
   * Yields the IDs that words stand for. `-` stands for the lines of stdin, which are yielded in
   * batches as they arrive.
   *
   * @throws VdcError USAGE if `-` is given twice, or stdin is reserved or was read by another
   *   command; VALUE_REFUSED if stdin cannot be read; INTERRUPTED or TERMINATED.
   */
  async *of(words: readonly string[]): AsyncGenerator<string[]> {
    const [first, ...others] = [...words.keys()].filter((index) => words[index] === STDIN)
    if (others.length > 0) throw new VdcError('USAGE', '- reads IDs from stdin and can be given only once')
    if (first === undefined) {
      yield [...words]
      return
    }
    this.#take()
    if (first > 0) yield words.slice(0, first)
    yield* this.#lines()
    if (first < words.length - 1) yield words.slice(first + 1)
  }

  #take(): void {
    if (this.#reader !== undefined) {
      throw new VdcError('USAGE', `- cannot read IDs from stdin, because stdin is ${this.#reader}`, {
        hint: 'Give the IDs as arguments, or run the command outside the shell',
      })
    }
    if (this.#isRead) {
      throw new VdcError(
        'USAGE',
        '- cannot read IDs from stdin, because another command of this script has read them',
        {
          hint: 'Give the IDs as arguments, or use - in only one command',
        },
      )
    }
    this.#isRead = true
  }

  async *#lines(): AsyncGenerator<string[]> {
    if (this.#kept !== undefined && this.#kept.length > 0) yield [...this.#kept]
    this.#source ??= openStdin()
    try {
      for (;;) {
        const { value, done } = await this.#untilInterrupted(this.#source.next())
        if (done) return
        const ids = value.map((line) => line.trim()).filter((id) => id !== '')
        if (ids.length === 0) continue
        this.#kept?.push(...ids)
        yield ids
      }
    } finally {
      // The writer of the pipe need not wait for us. A script that may run again reads on.
      if (this.#kept === undefined) process.stdin.destroy()
    }
  }

  /**
   * Waits for the next IDs. At a terminal, Ctrl-C ends the wait with an error; in a pipe, signals
   * end the process.
   *
   * @throws VdcError INTERRUPTED or TERMINATED.
   */
  async #untilInterrupted<T>(next: Promise<T>): Promise<T> {
    if (this.#interruption !== undefined) return this.#interruption.before(next)
    if (!process.stdin.isTTY) return next
    const interruption = new Interruption()
    const signals = catchSignals(interruption)
    try {
      return await interruption.before(next)
    } finally {
      signals.release()
    }
  }
}

/** @throws VdcError VALUE_REFUSED for a directory, which Node reads as an empty file. */
function openStdin(): AsyncIterator<string[]> {
  if (isDirectory(0)) throw new VdcError('VALUE_REFUSED', 'IDs cannot be read from stdin: it is a directory')
  return linesAsTheyCome(process.stdin.setEncoding('utf8'))
}

/**
 * Splits text that arrives in pieces into lines: for each piece, yields the lines that end in it.
 *
 * @throws VdcError VALUE_REFUSED if a line is longer than LONGEST_LINE.
 */
async function* linesAsTheyCome(pieces: AsyncIterable<string>): AsyncGenerator<string[]> {
  let unended = ''
  for await (const piece of pieces) {
    const lines = piece.split(LINE_END)
    lines[0] = unended + lines[0]
    unended = lines.pop() as string
    if (lines.length > 0) yield lines
    if (unended.length > LONGEST_LINE)
      throw new VdcError('VALUE_REFUSED', `A line on stdin is longer than ${LONGEST_LINE} characters: not an ID`)
  }
  if (unended !== '') yield [unended]
}

function isDirectory(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isDirectory()
  } catch {
    // stdin is closed.
    return false
  }
}

/** Collects items into an array. */
export async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
