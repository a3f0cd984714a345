import { fstatSync } from 'node:fs'
import { VdcError } from '../../core/errors.ts'
import { Interruption } from '../../core/interruption.ts'
import { catchSignals } from './signals.ts'

/** The argument that stands for the IDs or paths on stdin. */
export const STDIN = '-'
/** How stdin is split into words; empty words are ignored. */
export interface StdinForm {
  what: 'ID' | 'path'
  end: string | RegExp
  /** Whether whitespace around IDs is removed. It is part of names. */
  isTrimmed: boolean
}
/** IDs, or names of numbers or letters only, which may be IDs without prefix. */
const ID = /^(?:(?:a|bkst|bo|wmi)-)?\w+$/
/** IDs, one per line. If \r\n arrives in two pieces, there is an extra empty line. */
const IDS: StdinForm = { what: 'ID', end: /\r\n|[\n\r\u2028\u2029]/, isTrimmed: true }
/** Paths, one per line. The name of a file can contain anything else, also \r and spaces. */
export const PATHS: StdinForm = { what: 'path', end: '\n', isTrimmed: false }
/** Paths as `find -print0` prints them. */
export const NUL_PATHS: StdinForm = { ...PATHS, end: '\0' }

/** Returns the note of a command that reads words from stdin and finds none. */
export const noneOnStdin = (what: StdinForm['what'] = 'ID') => `No ${what}s on stdin: nothing to do`
/** The longest line in characters, so that input without newlines does not fill the memory. */
const LONGEST_LINE = 65_536

/** Removes whitespace around an ID. A name that begins or ends with it is another name without it. */
function trimmed(line: string): string {
  const word = line.trim()
  return word === '' || ID.test(word) ? word : line
}

/** The IDs or paths on stdin, which one command of a process may read. */
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
   * batches as they arrive. Bytes that are not UTF-8 are replaced with U+FFFD.
   *
   * @param interruption ends the wait for more; default: that of the constructor.
   * @throws VdcError USAGE if `-` is given twice, or stdin is reserved or was read by another
   *   command; VALUE_REFUSED if stdin cannot be read; INTERRUPTED or TERMINATED.
   */
  async *of(
    words: readonly string[],
    form: StdinForm = IDS,
    interruption = this.#interruption,
  ): AsyncGenerator<string[]> {
    const [first, ...others] = [...words.keys()].filter((index) => words[index] === STDIN)
    if (others.length > 0) throw new VdcError('USAGE', `- reads ${form.what}s from stdin and can be given only once`)
    if (first === undefined) {
      yield [...words]
      return
    }
    this.#take(form.what)
    if (first > 0) yield words.slice(0, first)
    yield* this.#lines(form, interruption)
    if (first < words.length - 1) yield words.slice(first + 1)
  }

  #take(what: StdinForm['what']): void {
    if (this.#reader !== undefined) {
      throw new VdcError('USAGE', `- cannot read ${what}s from stdin, because stdin is ${this.#reader}`, {
        hint: `Give the ${what}s as arguments, or run the command outside the shell`,
      })
    }
    if (this.#isRead) {
      throw new VdcError(
        'USAGE',
        `- cannot read ${what}s from stdin, because another command of this script has read them`,
        {
          hint: `Give the ${what}s as arguments, or use - in only one command`,
        },
      )
    }
    this.#isRead = true
  }

  async *#lines(form: StdinForm, interruption: Interruption | undefined): AsyncGenerator<string[]> {
    if (this.#kept !== undefined && this.#kept.length > 0) yield [...this.#kept]
    this.#source ??= openStdin(form)
    try {
      for (;;) {
        const { value, done } = await untilInterrupted(this.#source.next(), interruption)
        if (done) return
        const ids = value.map((line) => (form.isTrimmed ? trimmed(line) : line)).filter((id) => id !== '')
        if (ids.length === 0) continue
        this.#kept?.push(...ids)
        yield ids
      }
    } finally {
      // The writer of the pipe need not wait for us. A script that may run again reads on.
      if (this.#kept === undefined) process.stdin.destroy()
    }
  }
}

/**
 * Waits for the next words. Without an interruption, Ctrl-C at a terminal ends the wait with an error, and in a
 * pipe, signals end the process.
 *
 * @throws VdcError INTERRUPTED or TERMINATED.
 */
async function untilInterrupted<T>(next: Promise<T>, given: Interruption | undefined): Promise<T> {
  if (given !== undefined) return given.before(next)
  if (!process.stdin.isTTY) return next
  const interruption = new Interruption()
  const signals = catchSignals(interruption)
  try {
    return await interruption.before(next)
  } finally {
    signals.release()
  }
}

/** @throws VdcError VALUE_REFUSED for a directory, which Node reads as an empty file. */
function openStdin(form: StdinForm): AsyncIterator<string[]> {
  if (isDirectory(0))
    throw new VdcError(
      'VALUE_REFUSED',
      `${form.what === 'ID' ? 'IDs' : 'Paths'} cannot be read from stdin: it is a directory`,
    )
  return linesAsTheyCome(process.stdin.setEncoding('utf8'), form)
}

/**
 * Splits text that arrives in pieces into lines: for each piece, yields the lines that end in it.
 *
 * @throws VdcError VALUE_REFUSED if a line is longer than LONGEST_LINE.
 */
async function* linesAsTheyCome(pieces: AsyncIterable<string>, { what, end }: StdinForm): AsyncGenerator<string[]> {
  let unended = ''
  for await (const piece of pieces) {
    const lines = piece.split(end)
    lines[0] = unended + lines[0]
    unended = lines.pop() as string
    if (lines.length > 0) yield lines
    if (unended.length > LONGEST_LINE)
      throw new VdcError(
        'VALUE_REFUSED',
        `A line on stdin is longer than ${LONGEST_LINE} characters: not ${what === 'ID' ? 'an ID' : 'a path'}`,
      )
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
