import { VdcError } from '../errors.ts'
import type { ByteReader } from './byte-reader.ts'

/*
 * The maps of sparse files in tar archives, as `tar -S` packs disk images: GNU
 * tar's manual, "Storing Sparse Files", in its four forms:
 * https://www.gnu.org/software/tar/manual/html_section/Sparse-Formats.html
 */

/** A stretch of a file that is not a hole: where it is, and its bytes. */
export type Stretch = readonly [at: number, length: number]

/** Stretches of one file; more are a nuisance. */
const LIMIT = 4 * 1024 * 1024
const BLOCK = 512
/** Of the old form: entries of 24 bytes in the header and in the blocks that follow, and what tells whether one does. */
const [IN_HEADER, IN_BLOCK, ENTRY] = [4, 21, 24]
const [ENTRIES_AT, MORE_AT, MORE_IN_BLOCK_AT] = [386, 482, 504]

/**
 * Reads the map of the old form: in the header, and in blocks behind it.
 *
 * @param numberAt reads a number of a header.
 */
export async function readOldMap(
  header: Buffer,
  reader: ByteReader,
  numberAt: (bytes: Buffer, at: number, length: number) => number,
): Promise<Stretch[]> {
  const map: Stretch[] = []
  const add = (bytes: Buffer, from: number, count: number) => {
    for (let at = from; at < from + count * ENTRY; at += ENTRY) {
      const length = numberAt(bytes, at + 12, 12)
      if (length > 0) map.push([numberAt(bytes, at, 12), length])
    }
  }
  add(header, ENTRIES_AT, IN_HEADER)
  for (let more = header[MORE_AT]; more; ) {
    if (map.length > LIMIT) throw tooMany()
    const block = await reader.require(BLOCK)
    add(block, 0, IN_BLOCK)
    more = block[MORE_IN_BLOCK_AT]
  }
  return map
}

/**
 * Reads the map of the forms that use pax records: among these, or before the data.
 *
 * @returns the map and the bytes of the member that it took; undefined where the file is not sparse.
 */
export async function readPaxMap(
  records: readonly (readonly [string, string])[],
  reader: ByteReader,
): Promise<{ map: Stretch[]; taken: number } | undefined> {
  const value = (key: string) => records.findLast(([name]) => name === key)?.[1]
  if (value('GNU.sparse.major') === '1') return readMapBeforeData(reader)
  const text = value('GNU.sparse.map')
  if (text !== undefined) return { map: pairsOf(text.split(',')), taken: 0 }
  const words = records
    .filter(([key]) => key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes')
    .map(([, word]) => word)
  return words.length > 0 ? { map: pairsOf(words), taken: 0 } : undefined
}

/** Version 1.0: the number of stretches, then of each its offset and length, a decimal number a line. */
async function readMapBeforeData(reader: ByteReader): Promise<{ map: Stretch[]; taken: number }> {
  let rest = ''
  let taken = 0
  const nextNumber = async () => {
    while (!rest.includes('\n')) {
      if (rest.length > BLOCK) throw damaged()
      rest += (await reader.require(BLOCK)).toString('latin1')
      taken += BLOCK
    }
    const end = rest.indexOf('\n')
    const number = numberIn(rest.slice(0, end))
    rest = rest.slice(end + 1)
    return number
  }
  const count = await nextNumber()
  if (count > LIMIT) throw tooMany()
  const map: Stretch[] = []
  for (let each = 0; each < count; each++) map.push([await nextNumber(), await nextNumber()])
  return { map, taken }
}

function pairsOf(words: readonly string[]): Stretch[] {
  if (words.length / 2 > LIMIT) throw tooMany()
  return Array.from({ length: Math.ceil(words.length / 2) }, (_, pair) => [
    numberIn(words[pair * 2] ?? ''),
    numberIn(words[pair * 2 + 1] ?? ''),
  ])
}

function numberIn(word: string): number {
  if (!/^[0-9]{1,16}$/.test(word) || !Number.isSafeInteger(Number(word))) throw damaged()
  return Number(word)
}

function damaged(): VdcError {
  return new VdcError('FILE_REFUSED', 'is a damaged or cut off tar archive: its map of holes makes no sense')
}

function tooMany(): VdcError {
  return new VdcError('FILE_REFUSED', `is a tar archive of a file in more than ${LIMIT} pieces`)
}
