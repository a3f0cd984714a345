import { readWhole, type Source } from '../file/source.ts'
import { isZero } from '../file/zeros.ts'

/** Bytes of a table that are read at once. */
const STEP = 1024 * 1024

/** A part of a table, and the byte of the table that it starts with. */
export interface TablePiece {
  from: number
  bytes: Buffer
}

/**
 * Reads a table in pieces, as one may be longer than memory allows; what is all zeros is left out.
 *
 * @param buffer used for the pieces, one after the other.
 * @throws VdcError FILE_REFUSED, without the file's name, where the file ends before.
 */
export async function* piecesOfTable(
  source: Source,
  at: number,
  length: number,
  buffer = pieceBuffer(length),
): AsyncGenerator<TablePiece> {
  for (let from = 0; from < length; from += STEP) {
    const bytes = await readWhole(source, at + from, Math.min(STEP, length - from), buffer)
    if (!isZero(bytes)) yield { from, bytes }
  }
}

/** What holds a piece of each table of a length. */
export function pieceBuffer(length: number): Buffer {
  return Buffer.allocUnsafe(Math.min(STEP, length))
}
