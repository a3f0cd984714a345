import type { GuestEvent, Moment } from './event.ts'
import { plainText } from './plain-text.ts'

/** Bytes of a line that are kept. */
const LONGEST_LINE = 400
/** Lines after which the console is not read any more. Debian writes about 700 when it starts. */
const MOST_LINES = 100_000
/** Milliseconds of silence after which a line without end is reported, such as a prompt. */
const PAUSE = 300
/** Bytes after which a control string, such as the title of a window, is taken for text. */
const LONGEST_CONTROL_STRING = 1024

const [BEL, BACKSPACE, TAB, NEWLINE, RETURN, ESCAPE, SPACE, DELETE] = [7, 8, 9, 10, 13, 27, 32, 127]
const bytesOf = (characters: string) => new Set(Buffer.from(characters))
/** What begins a control string after an escape character; what has one more byte; and what ends the line. */
const [STRINGS, LONGER, LINE_ENDS] = [bytesOf(']PX^_'), bytesOf('()*+-./#% '), bytesOf('cDEM')]
/** What ends a control sequence that moves the cursor to another line, or along its line. */
const [MOVES, STEPS] = [bytesOf('ABEFHJSTdf'), bytesOf('CG')]
/** `[` after an escape character, and what ends a control string after another one. */
const [SEQUENCE, STRING_END] = Buffer.from('[\\') as unknown as [number, number]

/** What the next byte is part of. */
type State = 'text' | 'escape' | 'longer' | 'sequence' | 'string' | 'string-escape'

/**
 * Reads the lines of a serial console from its bytes, without what terminals obey (ECMA-48). A cursor that moves
 * to another line ends the line.
 */
export class ConsoleReader {
  readonly #line = Buffer.alloc(LONGEST_LINE)
  #length = 0
  #lines = 0
  #state: State = 'text'
  #stringLength = 0
  #lastByte: Moment = 0
  /** Bytes of the line that were reported because of a pause. */
  #reported = 0
  readonly #readers: Readonly<Record<State, (byte: number, lines: string[]) => void>> = {
    text: (byte, lines) => this.#takeText(byte, lines),
    escape: (byte, lines) => this.#takeEscape(byte, lines),
    longer: () => {
      this.#state = 'text'
    },
    sequence: (byte, lines) => this.#takeSequence(byte, lines),
    string: (byte, lines) => this.#takeString(byte, lines),
    'string-escape': (byte, lines) => {
      this.#state = byte === STRING_END ? 'text' : 'escape'
      if (byte !== STRING_END) this.#takeEscape(byte, lines)
    },
  }

  /** Returns the lines that end in a chunk of the console's output. */
  read(chunk: Buffer, at: Moment): GuestEvent[] {
    const lines: string[] = []
    for (const byte of chunk) {
      if (this.#lines >= MOST_LINES) break
      this.#readers[this.#state](byte, lines)
    }
    if (chunk.length > 0) this.#lastByte = at
    return lines.map((line) => ({ at, kind: 'console', line }))
  }

  /** Returns a line that has begun and not gone on for a while. To be called several times a second. */
  tick(at: Moment): GuestEvent[] {
    if (at - this.#lastByte < PAUSE || this.#length === this.#reported) return []
    this.#reported = this.#length
    const line = this.#text()
    return line === '' ? [] : [{ at, kind: 'console', line }]
  }

  #text(): string {
    return plainText(this.#line.subarray(0, this.#length), LONGEST_LINE)
  }

  #takeText(byte: number, lines: string[]): void {
    if (byte === ESCAPE) this.#state = 'escape'
    else if (byte === NEWLINE || byte === RETURN) this.#endLine(lines)
    else if (byte === BACKSPACE) this.#length = Math.max(0, this.#length - 1)
    else if (byte === TAB) this.#add(SPACE)
    else if (byte >= SPACE && byte !== DELETE) this.#add(byte)
  }

  #takeEscape(byte: number, lines: string[]): void {
    this.#state = 'text'
    if (byte === SEQUENCE) this.#state = 'sequence'
    else if (STRINGS.has(byte)) {
      this.#state = 'string'
      this.#stringLength = 0
    } else if (LONGER.has(byte)) this.#state = 'longer'
    else if (LINE_ENDS.has(byte)) this.#endLine(lines)
    else if (byte < SPACE) this.#takeText(byte, lines)
  }

  #takeSequence(byte: number, lines: string[]): void {
    // A parameter.
    if (byte >= SPACE && byte < 0x40) return
    this.#state = 'text'
    if (MOVES.has(byte)) this.#endLine(lines)
    else if (STEPS.has(byte)) this.#add(SPACE)
    else if (byte < SPACE) this.#takeText(byte, lines)
  }

  #takeString(byte: number, lines: string[]): void {
    if (byte === ESCAPE) this.#state = 'string-escape'
    else if (byte === BEL || ++this.#stringLength > LONGEST_CONTROL_STRING) this.#state = 'text'
    else if (byte === NEWLINE) {
      this.#state = 'text'
      this.#endLine(lines)
    }
  }

  #add(byte: number): void {
    if (this.#length < LONGEST_LINE) this.#line[this.#length++] = byte
  }

  #endLine(lines: string[]): void {
    const line = this.#length === this.#reported ? '' : this.#text()
    this.#length = 0
    this.#reported = 0
    if (line === '') return
    this.#lines++
    lines.push(line)
  }
}
