import { isUtf8 } from 'node:buffer'
import { VdcError } from '../../core/errors.ts'
import { splitLine } from './words.ts'

/** A command of a script: its words, or what keeps it from being read. */
export interface ScriptLine {
  /** Of its first line, from 1. */
  number: number
  text: string
  words: string[]
  problem?: VdcError
}

/**
 * What sh would take for an operator, wherever it stands in a word that is not
 * quoted. A single & between other characters passes, as in http://x/?a=1&b=2:
 * the original, which knows no operators, takes it, and nobody means a job by it.
 */
const OPERATOR = /[|;<>]|&&|^&|&$/
const NEWLINE = 0x0a
const BYTE_ORDER_MARK = /^\ufeff/

/**
 * Reads the commands of a script, one by one: memory does not grow with it. A
 * backslash at the end of a line joins it to the next, as in sh. Lines end with
 * LF or CRLF. Lines without words are passed over.
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

/** Joins lines that go on, and takes commands apart. */
export class LineJoiner {
  #number = 0
  #started = 0
  #pending: string | undefined
  /** What is wrong with the lines so far. */
  #problem: string | undefined

  /** True between a line that goes on and its end. */
  get isOpen(): boolean {
    return this.#pending !== undefined
  }

  /** The text of the lines so far that go on. */
  get pending(): string {
    return this.#pending ?? ''
  }

  /** Takes a line, without its end; returns the command that it completes, if it has any words. */
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

  /** Ends the input: what goes on and has no next line is a command as it is. */
  end(): ScriptLine | undefined {
    return this.#pending === undefined ? undefined : this.#command(this.#pending)
  }

  /** Forgets lines that go on. */
  reset(): void {
    this.#pending = undefined
    this.#problem = undefined
  }

  #command(text: string): ScriptLine | undefined {
    const problem = this.#problem
    this.reset()
    const line = { number: this.#started, text, words: [] }
    const { words, open } = splitLine(text)
    // Whatever a comment holds, nobody reads it.
    if (words.length === 0 && open === undefined) return undefined
    if (problem !== undefined) return { ...line, problem: new VdcError('VALUE_REFUSED', `The line ${problem}`) }
    if (open !== undefined) return { ...line, problem: unmatched(open, text) }
    const command = { ...line, words: words.map(({ value }) => value) }
    const operator = words.find(({ bare }) => OPERATOR.test(bare))
    return operator === undefined ? command : { ...command, problem: noOperator(operator) }
  }
}

function problemOf(line: Buffer | string): string | undefined {
  if (typeof line !== 'string' && !isUtf8(line)) return 'is not valid UTF-8'
  return line.includes('\0') ? 'holds a NUL byte' : undefined
}

function unmatched(quote: string, text: string): VdcError {
  const near = text.slice(text.indexOf(quote), text.indexOf(quote) + 20)
  return new VdcError('USAGE', `The line has a ${quote} without its match, near ${near}`, {
    hint: `A quote ends in its line; ${quote} itself is written \\${quote}`,
  })
}

/** Why a line does not run with a word that would be an operator in sh: without the word it would mean something else. */
function noOperator({ value }: { value: string }): VdcError {
  return new VdcError('USAGE', `'${value}' is only a word here, so the line is not run`, {
    hint: "Pipes, redirections and several commands on a line belong to the system's shell; quote it where the word is meant",
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
