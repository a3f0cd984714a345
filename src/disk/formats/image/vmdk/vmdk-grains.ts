import { endianness } from 'node:os'
import { VdcError } from '../../../../core/errors.ts'
import { FETCH_AGAIN, readFew, type Source } from '../../../file/source.ts'
import type { Layout } from '../../../inspect/layout.ts'

/*
 * Compressed grains of a VMDK: VMware's "Virtual Disk Format 5.0", "Stream-Optimized
 * Compressed Sparse Extents": https://www.vmware.com/app/vmdk/?src=vmdk
 * Each starts with a marker of 12 bytes: the sector of the disk (8 bytes), and the length
 * of the data after the marker (4 bytes).
 */

const SECTOR = 512
const MARKER = 12
/** Indexes of the halves of a 64-bit number in memory. */
const LOW = endianness() === 'LE' ? 0 : 1
const HIGH = 1 - LOW
/** Grains in a batch; each takes 8 bytes of memory. */
const BATCH = 4 * 1024 * 1024
/** Grains that are checked at most: those of 1 TiB of data. */
const LIMIT = 16 * 1024 * 1024

/**
 * Checks that compressed grains are inside the file, overlap neither tables nor each
 * other, and match their table entries. Works in batches: sorts the grains by offset, and
 * reads their markers in that order.
 */
export class CompressedGrains {
  readonly #source: Source
  readonly #layout: Layout
  /** Bytes of an unpacked grain. */
  readonly #grain: number
  readonly #hasMarkers: boolean
  /** For each grain, its sector of the file in the upper half, and its number in the lower half. */
  readonly #batch: BigUint64Array
  /** The same memory as #batch. */
  readonly #halves: Uint32Array
  /** Grains in the batch. */
  #length = 0
  /** Grains in all batches. */
  #count = 0

  /**
   * @param layout with all tables added.
   * @param grain bytes of an unpacked grain.
   * @param hasMarkers whether grains start with markers; without them, their lengths are unknown.
   */
  constructor(source: Source, layout: Layout, grain: number, hasMarkers: boolean) {
    this.#source = source
    this.#layout = layout
    this.#grain = grain
    this.#hasMarkers = hasMarkers
    // Each grain takes at least a sector of the file. Unused memory is never allocated by the system.
    this.#batch = new BigUint64Array(Math.min(BATCH, Math.ceil(source.size / SECTOR) + 1))
    this.#halves = new Uint32Array(this.#batch.buffer)
  }

  /**
   * Adds a grain.
   *
   * @param number of the grain on the disk.
   * @param sector of the file where it starts.
   * @returns true if the batch is full: call `check` before the next `add`.
   */
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
   * @returns false if the file is already known to be damaged.
   * @throws VdcError FILE_REFUSED, without the name of the file, if a marker is wrong.
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
      // A wrong marker is reported only if the position is valid, which was checked above.
      if (typeof length === 'string')
        throw new VdcError('FILE_REFUSED', `is damaged: its grain at ${at} ${length}`, { hint: FETCH_AGAIN })
    }
    return true
  }

  /** Returns the bytes of a grain with its marker, or what is wrong with the marker. */
  #lengthIn(marker: Buffer, number: number): number | string {
    if (marker.length < MARKER) return MARKER
    const sectors = this.#grain / SECTOR
    const sector = marker.readUInt32LE(0) + marker.readUInt32LE(4) * 2 ** 32
    const length = marker.readUInt32LE(8)
    // Only 32 bits of the number are kept.
    if (sector % (2 ** 32 * sectors) !== number * sectors)
      return `is marked as sector ${marker.readBigUInt64LE(0)} of the disk, but its table has it at ${number * sectors}`
    // QEMU reads at most twice the length of a grain (block/vmdk.c).
    if (length === 0 || length > 2 * this.#grain) return `is marked as ${length} bytes long`
    return MARKER + length
  }
}
