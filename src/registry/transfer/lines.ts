import { VdcError } from '../../core/errors.ts'

/** Bytes of a line above which none can be right: four texts of 65,535 bytes, escaped, and the rest. */
const LONGEST = 4 * 1024 * 1024
const NEWLINE = 0x0a

/** A line and its number, from 1. */
export interface Line {
  number: number
  text: string
  /** Of the line, with its end. */
  bytes: number
}

/**
 * Takes bytes apart into lines, those of each chunk together; no more than a chunk and one line are kept.
 *
 * @throws VdcError FILE_REFUSED for a line that is too long or no UTF-8, after the lines before it.
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
      // The decoder takes away a byte order mark, which editors put before the first line.
      return { number, text: (number === 1 ? first : decoder).decode(bytes), bytes: bytes.length + 1 }
    } catch (error) {
      const hint = isUtf16(bytes) ? 'It is UTF-16; convert it with: iconv -f UTF-16 -t UTF-8' : undefined
      throw new VdcError('FILE_REFUSED', `Line ${number} is not UTF-8`, { hint, cause: error })
    }
  }
  function* linesIn(chunk: Uint8Array): Generator<Line> {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start)
      const piece = chunk.subarray(start, end === -1 ? undefined : end)
      length += piece.length
      if (length > LONGEST) throw new VdcError('FILE_REFUSED', `Line ${number + 1} is too long for one of a registry`)
      if (piece.length > 0) pieces.push(piece)
      if (end === -1) return
      yield line()
      start = end + 1
    }
  }
  for await (const chunk of chunks) {
    yield* together(linesIn(chunk))
  }
  if (length > 0) yield [line()]
}

/** What comes one by one, in one piece; and then what went wrong, if something did. */
export function* together<T>(each: Iterable<T>): Generator<T[]> {
  const all: T[] = []
  try {
    for (const one of each) all.push(one)
  } catch (error) {
    yield all
    throw error
  }
  yield all
}

/** Says whether bytes begin with a byte order mark of UTF-16, as some shells write what they redirect. */
function isUtf16(bytes: Uint8Array): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
}
