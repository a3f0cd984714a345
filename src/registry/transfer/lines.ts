import { VdcError } from '../../core/errors.ts'

/** Most bytes in a valid line: four texts of 65,535 bytes, escaped, and the rest. */
const LONGEST = 4 * 1024 * 1024
const NEWLINE = 0x0a

/** A line of a file. */
export interface Line {
  /** Counted from 1. */
  number: number
  text: string
  /** Length in bytes, including the newline. */
  bytes: number
}

/**
 * Splits bytes into lines. Yields the lines of each chunk together, and keeps no more than one chunk and one line in memory.
 *
 * @throws VdcError FILE_REFUSED if a line is too long or not UTF-8, after yielding the lines before it.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const first = new TextDecoder('utf-8', { fatal: true })
  let number = 0
  let pieces: Uint8Array[] = []
  let length = 0
  const line = (): Line => {
    number++
    const bytes = pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces)
    pieces = []
    length = 0
    try {
      // `first` removes a byte order mark, which some editors put before the first line.
      return { number, text: (number === 1 ? first : decoder).decode(bytes), bytes: bytes.length + 1 }
    } catch (error) {
      const hint = isUtf16(bytes) ? 'The file is UTF-16. Convert it with: iconv -f UTF-16 -t UTF-8' : undefined
      throw new VdcError('FILE_REFUSED', `Line ${number} is not UTF-8`, { hint, cause: error })
    }
  }
  function* linesIn(chunk: Uint8Array): Generator<Line> {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start)
      const piece = chunk.subarray(start, end === -1 ? undefined : end)
      length += piece.length
      if (length > LONGEST) throw new VdcError('FILE_REFUSED', `Line ${number + 1} is too long for a registry file`)
      if (piece.length > 0) pieces.push(piece)
      if (end === -1) return
      yield line()
      start = end + 1
    }
  }
  for await (const chunk of chunks) {
    yield* collected(linesIn(chunk))
  }
  if (length > 0) yield [line()]
}

/** Yields all values of an iterable in one array. If it throws, yields the values before that, then rethrows. */
export function* collected<T>(each: Iterable<T>): Generator<T[]> {
  const all: T[] = []
  try {
    for (const one of each) all.push(one)
  } catch (error) {
    yield all
    throw error
  }
  yield all
}

/** Returns whether bytes begin with a UTF-16 byte order mark, which some shells write to redirected files. */
function isUtf16(bytes: Uint8Array): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
}
