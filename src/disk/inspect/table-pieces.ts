import { readWhole, type Source } from '../file/source.ts'
import { isZero } from '../file/zeros.ts'

/** Bytes of a table that are read at once. */
const STEP = 1024 * 1024

/** A part of a table. */
export interface TablePiece {
  /** Offset in the table. */
  from: number
  bytes: Buffer
}

/**
 * Reads a table in pieces, as it may not fit in memory. Pieces of zeros are left out.
 *
 * @param buffer for the pieces; each piece overwrites the one before.
 * @throws VdcError FILE_REFUSED, without the name of the file, if the file ends before the table.
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

/** Returns a buffer for the pieces of tables of a length, to be used for several tables. */
export function pieceBuffer(length: number): Buffer {
  return Buffer.allocUnsafe(Math.min(STEP, length))
}
