import { endianness } from 'node:os'
import { VdcError } from '../../../../core/errors.ts'
import { FETCH_AGAIN, readFew, type Source } from '../../../file/source.ts'
import type { Layout } from '../../../inspect/layout.ts'

/*
 * Compressed grains of a VMDK: VMware's "Virtual Disk Format 5.0", "Stream-Optimized
 * Compressed Sparse Extents": https://www.vmware.com/app/vmdk/?src=vmdk
 * Each starts with a marker of 12 bytes: the sector of the disk, 8 bytes, and the
 * length of the data that follows, 4 bytes.
 */

const SECTOR = 512
const MARKER = 12
/** Where the halves of a number of 64 bits are in memory. */
const [LOW, HIGH] = endianness() === 'LE' ? [0, 1] : [1, 0]
/** Grains that are kept at once, 8 bytes each, and grains that are looked at: those of a tebibyte of data. */
const [BATCH, LIMIT] = [4 * 1024 * 1024, 16 * 1024 * 1024]

/**
 * Checks that each compressed grain lies inside the file, apart from all tables
 * and from each other, and is the grain that the table names. Grains are sorted
 * and their markers read from the start of the file to its end, a batch at a time.
 */
export class CompressedGrains {
  readonly #source: Source
  readonly #layout: Layout
  /** Bytes of a grain when it is unpacked. */
  readonly #grain: number
  readonly #hasMarkers: boolean
  /** The sector of the file in the upper half of each, the number of the grain in the lower one. */
  readonly #batch: BigUint64Array
  readonly #halves: Uint32Array
  #length = 0
  #count = 0

  /**
   * @param layout that has all tables already.
   * @param hasMarkers whether grains start with markers; without, their lengths are unknown.
   */
  constructor(source: Source, layout: Layout, grain: number, hasMarkers: boolean) {
    this.#source = source
    this.#layout = layout
    this.#grain = grain
    this.#hasMarkers = hasMarkers
    // Each needs a sector of its own; memory that is never written to costs nothing.
    this.#batch = new BigUint64Array(Math.min(BATCH, Math.ceil(source.size / SECTOR) + 1))
    this.#halves = new Uint32Array(this.#batch.buffer)
  }

  /** Adds the grain with a number, which starts at a sector of the file. Returns true if `check` must be called now. */
  add(number: number, sector: number): boolean {
    if (this.#count >= LIMIT) return false
    this.#halves[this.#length * 2 + LOW] = number
    this.#halves[this.#length * 2 + HIGH] = sector
    this.#count++
    return ++this.#length === this.#batch.length
  }

  /**
   * Checks the grains that were added since the last check.
   *
   * @returns false if it is clear already that the file is damaged.
   * @throws VdcError FILE_REFUSED, without the file's name.
   */
  async check(): Promise<boolean> {
    const { length: count } = this.#batch.subarray(0, this.#length).sort()
    this.#length = 0
    for (let each = 0; each < count; each++) {
      const at = (this.#halves[each * 2 + HIGH] as number) * SECTOR
      const read = this.#hasMarkers ? readFew(this.#source, at, MARKER) : undefined
      const marker = read instanceof Promise ? await read : read
      const length = marker ? this.#lengthIn(marker, this.#halves[each * 2 + LOW] as number) : 1
      if (!this.#layout.piece('grain', at, typeof length === 'number' ? length : MARKER)) return false
      // Where no grain can be there is no marker either: report the place instead.
      if (typeof length === 'string')
        throw new VdcError('FILE_REFUSED', `is damaged: its grain at ${at} ${length}`, { hint: FETCH_AGAIN })
    }
    return true
  }

  /** Bytes of a grain with its marker, or what is wrong with it. */
  #lengthIn(marker: Buffer, number: number): number | string {
    if (marker.length < MARKER) return MARKER
    const sectors = this.#grain / SECTOR
    const [sector, length] = [marker.readUInt32LE(0) + marker.readUInt32LE(4) * 2 ** 32, marker.readUInt32LE(8)]
    // Of the number 32 bits are kept.
    if (sector % (2 ** 32 * sectors) !== number * sectors)
      return `is marked as sector ${marker.readBigUInt64LE(0)} of the disk, and its table has it at ${number * sectors}`
    // QEMU reads twice the length of a grain at most (block/vmdk.c).
    if (length === 0 || length > 2 * this.#grain) return `is marked as ${length} bytes long`
    return MARKER + length
  }
}
