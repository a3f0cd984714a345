import { VdcError } from '../../core/errors.ts'
import type { ByteReader } from '../file/byte-reader.ts'
import { isZero } from '../file/zeros.ts'
import { BLOCK, numberIn } from './tar-header.ts'
import { decimal, type PaxRecords } from './tar-pax.ts'
import { ambiguousTar, damagedMap } from './tar-refusals.ts'

/*
 * The maps of sparse files in tar archives, as written by `tar -S`, in their four
 * formats: GNU tar's manual, "Storing Sparse Files":
 * https://www.gnu.org/software/tar/manual/html_section/Sparse-Formats.html
 * A map is accepted only in exactly the form that GNU tar writes. GNU tar itself is less
 * strict: for example, it does not compare the map with the size, and writes a shorter
 * file if the map ends early.
 */

/** Most data segments of one file, to bound memory. */
const LIMIT = 1024 * 1024
/** Bytes of an entry in the old format. */
const ENTRY = 24
/** Entries in the header, and in each extension block after it. */
const IN_HEADER = 4
const IN_BLOCK = 21
/** Where the entries are in the header. */
const ENTRIES_AT = 386
/** The bytes that say whether an extension block follows, in the header and in such a block. */
const MORE_AT = 482
const MORE_IN_BLOCK_AT = 504
/** Where the real size of the file is in the header, and its length. */
const OLD_SIZE = [483, 12] as const

/** The data segments of a sparse file, in order; everything between them is a hole. */
export class SparseMap {
  /** Offsets and lengths in turn: pairs would take four times the memory. */
  readonly #numbers: number[] = []
  /** Bytes of the unpacked file. */
  readonly size: number
  #count = 0
  #end = 0
  #isEnded = false
  /** Bytes of all segments. */
  sum = 0

  constructor(size: number) {
    this.size = size
  }

  /**
   * Adds a segment. An empty one marks the end of a file that ends with a hole.
   *
   * @throws VdcError FILE_REFUSED if GNU tar would not write it, or if there are too many.
   */
  add(at: number, length: number): void {
    if (++this.#count > LIMIT) throw tooMany()
    // Each segment starts a new block in the archive, so only the last one can end within a block.
    const isAligned = length === 0 ? at === this.size : at % BLOCK === 0
    const isBehind = at >= this.#end && (this.#end % BLOCK === 0 || length === 0)
    if (this.#isEnded || !isAligned || !isBehind || at + length > this.size) throw invalidMap()
    this.#end = at + length
    this.#isEnded = length === 0
    this.sum += length
    if (length > 0) this.#numbers.push(at, length)
  }

  /**
   * Requires that the map covers the whole file: GNU tar ends the file where the map ends.
   *
   * @throws VdcError FILE_REFUSED if not.
   */
  requireWhole(): void {
    if (this.#count === 0 || this.#end !== this.size) throw invalidMap()
  }

  *[Symbol.iterator](): Generator<[at: number, length: number]> {
    for (let each = 0; each < this.#numbers.length; each += 2)
      yield [this.#numbers[each] as number, this.#numbers[each + 1] as number]
  }
}

/**
 * Reads a map in the old format: in the header, and in extension blocks after it.
 *
 * @throws VdcError FILE_REFUSED if it is invalid.
 */
export async function readOldMap(header: Buffer, reader: ByteReader): Promise<SparseMap> {
  const size = numberIn(header, ...OLD_SIZE)
  const map = new SparseMap(size)
  let isAtEnd = false
  const add = (bytes: Buffer, from: number, count: number) => {
    for (let at = from; at < from + count * ENTRY; at += ENTRY) {
      const isUnused = bytes[at] === 0 && isZero(bytes.subarray(at, at + ENTRY))
      // GNU tar stops at the first unused entry; other programs do not.
      if (isAtEnd && !isUnused) throw invalidMap()
      isAtEnd = isUnused
      if (isUnused) continue
      if (bytes[at + ENTRY / 2] === 0) throw invalidMap()
      map.add(numberIn(bytes, at, 12), numberIn(bytes, at + 12, 12))
    }
  }
  add(header, ENTRIES_AT, IN_HEADER)
  for (let more = header[MORE_AT]; more !== 0; ) {
    if (isAtEnd || more !== 1) throw invalidMap()
    const block = await reader.require(BLOCK)
    add(block, 0, IN_BLOCK)
    more = block[MORE_IN_BLOCK_AT]
    if (!isZero(block.subarray(MORE_IN_BLOCK_AT + 1))) throw invalidMap()
  }
  map.requireWhole()
  return map
}

/** A map from pax records. */
export interface PaxMap {
  map: SparseMap
  /** Bytes of the map that come before the data of the member. */
  taken: number
}

/** The keys of each version in GNU tar's order. GNU tar writes the name in two of them; other programs do not. */
const FORMS = {
  '1.0': /^major,minor,(?:name,)?realsize$/,
  '0.1': /^size,numblocks,(?:name,)?map$/,
  '0.0': /^size,numblocks(?:,offset,numbytes)+$/,
}

/**
 * Reads a map in the formats that use pax records: from the records, or before the data.
 *
 * @throws VdcError FILE_REFUSED if the map is invalid, or the records do not match
 *   exactly one version.
 */
export async function readPaxMap(records: PaxRecords['sparse'], reader: ByteReader): Promise<PaxMap> {
  const value = (key: string) => records.find(([name]) => name === key)?.[1] ?? ''
  const keys = records.map(([key]) => key).join(',')
  if (FORMS['1.0'].test(keys)) {
    if (value('major') !== '1' || value('minor') !== '0')
      throw ambiguousTar('its sparse format is of an unknown version', true)
    const map = new SparseMap(numberOf(value('realsize')))
    return { map, taken: await readMapBeforeData(map, reader) }
  }
  const isList = FORMS['0.1'].test(keys)
  if (!isList && !FORMS['0.0'].test(keys)) throw ambiguousTar('its sparse records do not match any one version', true)
  const pairs = records.filter(([key]) => key === 'offset' || key === 'numbytes')
  const words = isList ? value('map').split(',') : pairs.map(([, word]) => word)
  if (words.length !== 2 * numberOf(value('numblocks'))) throw invalidMap()
  const map = new SparseMap(numberOf(value('size')))
  for (let each = 0; each < words.length; each += 2)
    map.add(numberOf(words[each] as string), numberOf(words[each + 1] as string))
  map.requireWhole()
  return { map, taken: 0 }
}

/** Reads version 1.0: the number of segments, then the offset and length of each, one decimal number per line. */
async function readMapBeforeData(map: SparseMap, reader: ByteReader): Promise<number> {
  const numbers = new MapNumbers(map)
  let taken = 0
  let rest = ''
  while (numbers.left !== 0) {
    // No number is as long as a block.
    if (rest.length > BLOCK) throw invalidMap()
    const lines = (rest + (await reader.require(BLOCK)).toString('latin1')).split('\n')
    taken += BLOCK
    // The last line is incomplete.
    let used = 0
    for (; numbers.left !== 0 && used < lines.length - 1; used++) numbers.take(numberOf(lines[used] as string))
    rest = lines.slice(used).join('\n')
  }
  // NULs fill the last block.
  if (/[^\0]/.test(rest)) throw invalidMap()
  map.requireWhole()
  return taken
}

/** Adds segments to a map from the numbers of version 1.0. */
class MapNumbers {
  readonly #map: SparseMap
  /** The offset of a segment whose length is the next number. */
  #at: number | undefined
  /** How many numbers follow; undefined before the first, which says it. */
  left: number | undefined

  constructor(map: SparseMap) {
    this.#map = map
  }

  take(number: number): void {
    if (this.left === undefined) {
      if (number > LIMIT) throw tooMany()
      this.left = number * 2
      return
    }
    this.left--
    if (this.#at === undefined) {
      this.#at = number
      return
    }
    this.#map.add(this.#at, number)
    this.#at = undefined
  }
}

function numberOf(word: string): number {
  const number = decimal(word)
  if (number === undefined) throw invalidMap()
  return number
}

function invalidMap(): VdcError {
  return damagedMap('its map of holes is invalid')
}

function tooMany(): VdcError {
  return new VdcError('FILE_REFUSED', `is a tar archive of a file with more than ${LIMIT} data segments`)
}
