import { VdcError } from '../errors.ts'
import type { ByteReader } from './byte-reader.ts'

/*
 * The maps of sparse files in tar archives, as `tar -S` packs disk images: GNU
 * tar's manual, "Storing Sparse Files", in its four forms:
 * https://www.gnu.org/software/tar/manual/html_section/Sparse-Formats.html
 */

/** Stretches of one file; more are a nuisance. */
const LIMIT = 1024 * 1024
const BLOCK = 512
/** Of the old form: entries of 24 bytes in the header and in the blocks that follow, and what tells whether one does. */
const [IN_HEADER, IN_BLOCK, ENTRY] = [4, 21, 24]
const [ENTRIES_AT, MORE_AT, MORE_IN_BLOCK_AT] = [386, 482, 504]
const [OFFSET_KEY, LENGTH_KEY] = ['GNU.sparse.offset', 'GNU.sparse.numbytes']

/** The stretches of a file that are no holes, one behind the other. */
export class SparseMap {
  /** Offsets and lengths in turn: a pair of each would take four times the memory. */
  readonly #numbers: number[] = []
  /** Bytes of the file when it is unpacked. */
  readonly size: number
  #count = 0
  #end = 0
  /** Bytes of all stretches. */
  sum = 0

  constructor(size: number) {
    this.size = size
  }

  /** Adds a stretch; empty ones count as well, and say nothing. */
  add(at: number, length: number): void {
    if (++this.#count > LIMIT) throw tooMany()
    if (length === 0) return
    // In the archive each begins a block of its own, so that only the last one may end within a block.
    const isAligned = at % BLOCK === 0 && this.#end % BLOCK === 0
    if (!isAligned || at < this.#end || at + length > this.size) throw damaged()
    this.#end = at + length
    this.sum += length
    this.#numbers.push(at, length)
  }

  *[Symbol.iterator](): Generator<[at: number, length: number]> {
    for (let each = 0; each < this.#numbers.length; each += 2)
      yield [this.#numbers[each] as number, this.#numbers[each + 1] as number]
  }
}

/**
 * Reads the map of the old form: in the header, and in blocks behind it.
 *
 * @param numberAt reads a number of a header.
 */
export async function readOldMap(
  map: SparseMap,
  header: Buffer,
  reader: ByteReader,
  numberAt: (bytes: Buffer, at: number, length: number) => number,
): Promise<void> {
  let isAtEnd = false
  const add = (bytes: Buffer, from: number, count: number) => {
    for (let at = from; at < from + count * ENTRY; at += ENTRY) {
      const isUnused = bytes[at + 12] === 0
      // GNU tar stops at the first entry that is unused, and others don't.
      if (isAtEnd && !isUnused) throw damaged()
      isAtEnd = isUnused
      map.add(numberAt(bytes, at, 12), numberAt(bytes, at + 12, 12))
    }
  }
  add(header, ENTRIES_AT, IN_HEADER)
  for (let more = header[MORE_AT]; more; ) {
    const block = await reader.require(BLOCK)
    add(block, 0, IN_BLOCK)
    more = block[MORE_IN_BLOCK_AT]
  }
}

/**
 * Reads the map of the forms that use pax records: among these, or before the data.
 *
 * @returns the bytes of the member that it took; undefined where the file is not sparse.
 */
export async function readPaxMap(
  map: SparseMap,
  records: readonly (readonly [string, string])[],
  reader: ByteReader,
): Promise<number | undefined> {
  const value = (key: string) => records.findLast(([name]) => name === key)?.[1]
  if (value('GNU.sparse.major') === '1') return readMapBeforeData(map, reader)
  const text = value('GNU.sparse.map')
  const pairs = records.filter(([key]) => key === OFFSET_KEY || key === LENGTH_KEY)
  if (text !== undefined) addPairs(map, text.split(','))
  else if (pairs.some(([key], at) => key !== (at % 2 === 0 ? OFFSET_KEY : LENGTH_KEY))) throw damaged()
  else if (pairs.length === 0) return undefined
  else
    addPairs(
      map,
      pairs.map(([, word]) => word),
    )
  return 0
}

/** Version 1.0: the number of stretches, then of each its offset and length, a decimal number a line. */
async function readMapBeforeData(map: SparseMap, reader: ByteReader): Promise<number> {
  let taken = 0
  let rest = ''
  let count: number | undefined
  let at: number | undefined
  let left = 1
  while (left > 0) {
    // No number is as long as a block.
    if (rest.length > BLOCK) throw damaged()
    const lines = (rest + (await reader.require(BLOCK)).toString('latin1')).split('\n')
    taken += BLOCK
    rest = lines.pop() ?? ''
    for (const line of lines) {
      // What follows the last number fills its block.
      if (left === 0) break
      const number = numberIn(line)
      left--
      if (count === undefined) {
        count = number
        if (count > LIMIT) throw tooMany()
        left = count * 2
      } else if (at === undefined) at = number
      else {
        map.add(at, number)
        at = undefined
      }
    }
  }
  return taken
}

function addPairs(map: SparseMap, words: readonly string[]): void {
  for (let each = 0; each < words.length; each += 2)
    map.add(numberIn(words[each] ?? ''), numberIn(words[each + 1] ?? ''))
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
