import { isUtf8 } from 'node:buffer'
import { VdcError } from '../../core/errors.ts'
import { splitLine } from './words.ts'

/** A command of a script: its words, or the problem that prevents it from running. */
export interface ScriptLine {
  /** Number of its first line, from 1. */
  number: number
  text: string
  words: string[]
  problem?: VdcError
}

/**
 * Matches the operators of sh anywhere in an unquoted word. A single & between other characters, as
 * in http://x/?a=1&b=2, is allowed: the original accepts it, and it is hardly meant as an operator.
 */
const OPERATOR = /[|;<>]|&&|^&|&$/
const NEWLINE = 0x0a
const BYTE_ORDER_MARK = /^\ufeff/

/**
 * Reads the commands of a script one by one, in constant memory. A backslash at the end of a line
 * continues it on the next line, as in sh. Lines end with LF or CRLF. Lines without words are
 * skipped.
 */
export async function* readScript(bytes: AsyncIterable<Buffer>): AsyncGenerator<ScriptLine> {
  const joiner = new LineJoiner()
  for await (const line of physicalLines(bytes)) {
    const command = joiner.add(line)
    if (command !== undefined) yield command
  }
  const last = joiner.end()
  if (last !== undefined) yield last
}

/** Joins continued lines, and splits commands into words. */
export class LineJoiner {
  #number = 0
  #started = 0
  #pending: string | undefined
  /** The first problem in the lines so far. */
  #problem: string | undefined

  /** True if the last line is to be continued. */
  get isOpen(): boolean {
    return this.#pending !== undefined
  }

  /** The joined text of the lines to be continued. */
  get pending(): string {
    return this.#pending ?? ''
  }

  /** Adds a line, without its newline. Returns the command that it completes, if that has any words. */
  add(line: Buffer | string): ScriptLine | undefined {
    this.#number++
    const text = line.toString().replace(this.#number === 1 ? BYTE_ORDER_MARK : '', '')
    if (this.#pending === undefined) this.#started = this.#number
    const joined = this.pending + text
    this.#problem ??= problemOf(line)
    if (splitLine(joined).open === '\\') {
      this.#pending = joined.slice(0, -1)
      return undefined
    }
    return this.#command(joined)
  }

  /** Ends the input. Returns the command of a line that should have been continued, if there is one. */
  end(): ScriptLine | undefined {
    return this.#pending === undefined ? undefined : this.#command(this.#pending)
  }

  /** Forgets the lines to be continued. */
  reset(): void {
    this.#pending = undefined
    this.#problem = undefined
  }

  #command(text: string): ScriptLine | undefined {
    const problem = this.#problem
    this.reset()
    const line = { number: this.#started, text, words: [] }
    const { words, open } = splitLine(text)
    // Ignore problems in lines that have only a comment.
    if (words.length === 0 && open === undefined) return undefined
    if (problem !== undefined) return { ...line, problem: new VdcError('VALUE_REFUSED', `The line ${problem}`) }
    if (open !== undefined) return { ...line, problem: unmatched(open, text) }
    const command = { ...line, words: words.map(({ value }) => value) }
    const operator = words.find(({ bare }) => OPERATOR.test(bare))
    return operator === undefined ? command : { ...command, problem: noOperator(operator) }
  }
}

/** Returns the problem of a line, as the end of a sentence that starts with `The line`. */
function problemOf(line: Buffer | string): string | undefined {
  if (typeof line !== 'string' && !isUtf8(line)) return 'is not valid UTF-8'
  return line.includes('\0') ? 'contains a NUL byte' : undefined
}

function unmatched(quote: string, text: string): VdcError {
  const near = text.slice(text.indexOf(quote), text.indexOf(quote) + 20)
  return new VdcError('USAGE', `Unmatched ${quote} near ${near}`, {
    hint: `Close quotes in the same line, or write \\${quote} for the character itself`,
  })
}

/** Returns the error for a word with an operator of sh: without operators, the line would do something else. */
function noOperator({ value }: { value: string }): VdcError {
  const verb = /^[;|&<>]+$/.test(value) ? 'is' : 'contains'
  return new VdcError('USAGE', `The line was not run: '${value}' ${verb} an operator of the system's shell`, {
    hint: "For pipes, redirections and several commands on a line, use the system's shell; if you mean the word itself, quote it",
  })
}

async function* physicalLines(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = []
  const line = () => withoutReturn(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts))
  for await (const chunk of bytes) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      parts.push(chunk.subarray(start, end))
      yield line()
      parts = []
      start = end + 1
    }
    if (start < chunk.length) parts.push(chunk.subarray(start))
  }
  if (parts.length > 0) yield line()
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line
}
