import { VdcError } from '../../core/errors.ts'
import type { ByteReader } from '../file/byte-reader.ts'
import { isZero } from '../file/zeros.ts'
import { BLOCK, numberIn } from './tar-header.ts'
import { decimal, type PaxRecords } from './tar-pax.ts'
import { ambiguousTar, damagedMap } from './tar-refusals.ts'

/*
 * The maps of sparse files in tar archives, as `tar -S` packs disk images: GNU
 * tar's manual, "Storing Sparse Files", in its four forms:
 * https://www.gnu.org/software/tar/manual/html_section/Sparse-Formats.html
 * Each is taken only as GNU tar writes it. GNU tar itself is less strict when it
 * reads: it does not compare the map with the size, for example, and makes a
 * shorter file of a map that ends early.
 */

/** Stretches of one file; more are a nuisance. */
const LIMIT = 1024 * 1024
/** The old form: entries of 24 bytes in the header and in the blocks that follow; a byte says whether one follows. */
const [IN_HEADER, IN_BLOCK, ENTRY] = [4, 21, 24]
const [ENTRIES_AT, MORE_AT, MORE_IN_BLOCK_AT] = [386, 482, 504]
const OLD_SIZE = [483, 12] as const

/** The stretches of a file that are not holes, in order. */
export class SparseMap {
  /** Offsets and lengths in turn: a pair of each would take four times the memory. */
  readonly #numbers: number[] = []
  /** Bytes of the file when it is unpacked. */
  readonly size: number
  #count = 0
  #end = 0
  #isEnded = false
  /** Bytes of all stretches. */
  sum = 0

  constructor(size: number) {
    this.size = size
  }

  /** Adds a stretch. An empty one marks the end of a file that ends with a hole. */
  add(at: number, length: number): void {
    if (++this.#count > LIMIT) throw tooMany()
    // In the archive each starts a block of its own, so that only the last one may end within a block.
    const isAligned = length === 0 ? at === this.size : at % BLOCK === 0
    const isBehind = at >= this.#end && (this.#end % BLOCK === 0 || length === 0)
    if (this.#isEnded || !isAligned || !isBehind || at + length > this.size) throw senseless()
    this.#end = at + length
    this.#isEnded = length === 0
    this.sum += length
    if (length > 0) this.#numbers.push(at, length)
  }

  /** Makes sure that the map is one of the whole file: GNU tar ends the file where the map ends. */
  requireWhole(): void {
    if (this.#count === 0 || this.#end !== this.size) throw senseless()
  }

  *[Symbol.iterator](): Generator<[at: number, length: number]> {
    for (let each = 0; each < this.#numbers.length; each += 2)
      yield [this.#numbers[each] as number, this.#numbers[each + 1] as number]
  }
}

/**
 * Reads the map of the old form: in the header, and in blocks behind it.
 *
 * @throws VdcError FILE_REFUSED.
 */
export async function readOldMap(header: Buffer, reader: ByteReader): Promise<SparseMap> {
  const size = numberIn(header, ...OLD_SIZE)
  const map = new SparseMap(size)
  let isAtEnd = false
  const add = (bytes: Buffer, from: number, count: number) => {
    for (let at = from; at < from + count * ENTRY; at += ENTRY) {
      const isUnused = bytes[at] === 0 && isZero(bytes.subarray(at, at + ENTRY))
      // GNU tar stops at the first entry that is unused, and others don't.
      if (isAtEnd && !isUnused) throw senseless()
      isAtEnd = isUnused
      if (isUnused) continue
      if (bytes[at + ENTRY / 2] === 0) throw senseless()
      map.add(numberIn(bytes, at, 12), numberIn(bytes, at + 12, 12))
    }
  }
  add(header, ENTRIES_AT, IN_HEADER)
  for (let more = header[MORE_AT]; more !== 0; ) {
    if (isAtEnd || more !== 1) throw senseless()
    const block = await reader.require(BLOCK)
    add(block, 0, IN_BLOCK)
    more = block[MORE_IN_BLOCK_AT]
    if (!isZero(block.subarray(MORE_IN_BLOCK_AT + 1))) throw senseless()
  }
  map.requireWhole()
  return map
}

/** The map of a sparse file in pax records, and how much of the member's bytes it took. */
export interface PaxMap {
  map: SparseMap
  taken: number
}

/** The keys of each form in GNU tar's order; it writes the name in two of them, other programs do not. */
const FORMS = {
  '1.0': /^major,minor,(?:name,)?realsize$/,
  '0.1': /^size,numblocks,(?:name,)?map$/,
  '0.0': /^size,numblocks(?:,offset,numbytes)+$/,
}

/**
 * Reads the map of the forms that use pax records: among these, or before the data.
 *
 * @throws VdcError FILE_REFUSED if the records are not exactly those of one form.
 */
export async function readPaxMap(records: PaxRecords['sparse'], reader: ByteReader): Promise<PaxMap> {
  const value = (key: string) => records.find(([name]) => name === key)?.[1] ?? ''
  const keys = records.map(([key]) => key).join(',')
  if (FORMS['1.0'].test(keys)) {
    if (value('major') !== '1' || value('minor') !== '0')
      throw ambiguousTar('its form of sparse files is unknown', true)
    const map = new SparseMap(numberOf(value('realsize')))
    return { map, taken: await readMapBeforeData(map, reader) }
  }
  const isList = FORMS['0.1'].test(keys)
  if (!isList && !FORMS['0.0'].test(keys))
    throw ambiguousTar('its records of a sparse file are not those of one form', true)
  const pairs = records.filter(([key]) => key === 'offset' || key === 'numbytes')
  const words = isList ? value('map').split(',') : pairs.map(([, word]) => word)
  if (words.length !== 2 * numberOf(value('numblocks'))) throw senseless()
  const map = new SparseMap(numberOf(value('size')))
  for (let each = 0; each < words.length; each += 2)
    map.add(numberOf(words[each] as string), numberOf(words[each + 1] as string))
  map.requireWhole()
  return { map, taken: 0 }
}

/** Version 1.0: the number of stretches, then the offset and length of each, one decimal number per line. */
async function readMapBeforeData(map: SparseMap, reader: ByteReader): Promise<number> {
  let taken = 0
  let rest = ''
  let at: number | undefined
  let left: number | undefined
  while (left !== 0) {
    // No number is as long as a block.
    if (rest.length > BLOCK) throw senseless()
    const lines = (rest + (await reader.require(BLOCK)).toString('latin1')).split('\n')
    taken += BLOCK
    rest = lines.pop() as string
    for (const [index, line] of lines.entries()) {
      if (left === 0) {
        rest = [...lines.slice(index), rest].join('\n')
        break
      }
      const number = numberOf(line)
      if (left === undefined) {
        if (number > LIMIT) throw tooMany()
        left = number * 2
        continue
      }
      left--
      if (at === undefined) at = number
      else {
        map.add(at, number)
        at = undefined
      }
    }
  }
  // NULs fill the last block.
  if (/[^\0]/.test(rest)) throw senseless()
  map.requireWhole()
  return taken
}

function numberOf(word: string): number {
  const number = decimal(word)
  if (number === undefined) throw senseless()
  return number
}

function senseless(): VdcError {
  return damagedMap('its map of holes makes no sense')
}

function tooMany(): VdcError {
  return new VdcError('FILE_REFUSED', `is a tar archive of a file in more than ${LIMIT} pieces`)
}
