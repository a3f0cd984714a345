import { FETCH_AGAIN, truncated } from '../file/source.ts'
import type { Refusal } from './refusal.ts'

/** Blocks up to which overlaps of blocks are looked for: 4 bytes each are kept. */
const BLOCK_LIMIT = 8 * 1024 * 1024
/** Tables that are read, and bytes of them; more are those of disks that nobody has. */
export const [TABLE_LIMIT, TABLE_BYTES_LIMIT] = [256 * 1024, 1024 ** 3]
/** Tables that are read where they follow each other, as qemu-img makes all of a VMDK's. */
const ROW_LIMIT = 1024 * 1024

/**
 * Where the tables and blocks of an image lie in its file: all must be inside,
 * and none over another.
 */
export class Layout {
  readonly #size: number
  readonly #blockLength: number
  /** What the tables are called, and where they start and end: an object for each would take thrice the memory. */
  readonly #names: string[] = []
  readonly #tables: number[] = []
  /** By stretches of the file, each as long as a block: where in it a block starts, plus 1. */
  readonly #starts: Uint32Array
  #needed: number | bigint = 0
  #tableCount = 0
  #tableBytes = 0
  #sharedStretch: number | undefined
  /** Tables by their offsets, once there are pieces; the first that may lie after the next piece. */
  #sorted: Uint32Array | undefined
  #nextTable = 0
  #lastPiece = { at: 0, end: 0 }
  #pieceOverlap: string | undefined

  /**
   * @param size bytes of the file.
   * @param blockLength bytes of a block of data, all of it in the file.
   */
  constructor(size: number, blockLength: number) {
    this.#size = size
    this.#blockLength = blockLength
    const count = Math.ceil(size / blockLength)
    this.#starts = new Uint32Array(count <= BLOCK_LIMIT && blockLength < 2 ** 32 ? count : 0)
  }

  /**
   * Adds a table or header; `name` is for people.
   *
   * @param at a bigint where the file tells it in 64 bits, so that a message has it exactly.
   * @returns false when it is clear already that the file is damaged, so that
   *   nobody follows tables that lead in circles.
   */
  table(name: string, at: number | bigint, length: number): boolean {
    if (typeof at === 'bigint') {
      if (at <= this.#size) return this.table(name, Number(at), length)
      this.#reach(at + BigInt(length))
      return false
    }
    const end = at + length
    this.#reach(end)
    this.#tableBytes += length
    this.#tableCount++
    const [lastAt = 0, lastEnd = 0] = this.#tables.slice(-2)
    // So many small ones may follow each other.
    if (this.#names.at(-1) === name && this.#tables.at(-1) === at) this.#tables[this.#tables.length - 1] = end
    else {
      this.#names.push(name)
      this.#tables.push(at, end)
    }
    const isOverLast = at < lastEnd && lastAt < end
    return this.#needed <= this.#size && !isOverLast && this.#surplusOfTables() === undefined
  }

  /** Adds a block of data; the last one of a disk may be shorter than the others. */
  block(at: number, length = this.#blockLength): void {
    this.#reach(at + length)
    const stretch = Math.floor(at / this.#blockLength)
    if (stretch >= this.#starts.length) return
    if (this.#starts[stretch] !== 0) this.#sharedStretch ??= at
    this.#starts[stretch] = at - stretch * this.#blockLength + 1
  }

  /**
   * Adds a piece of data that has a length of its own, as a compressed one has.
   * Call it after all tables are added, and for pieces in the order in which they
   * lie; a piece that lies before the last one starts a new round of them.
   *
   * @returns false if it is clear already that the file is damaged.
   */
  piece(name: string, at: number, length: number): boolean {
    const end = at + length
    this.#reach(end)
    this.#sorted ??= this.#tablesInOrder()
    if (at < this.#lastPiece.at) [this.#nextTable, this.#lastPiece] = [0, { at: 0, end: 0 }]
    if (at < this.#lastPiece.end)
      this.#pieceOverlap ??= `its ${name}s at ${this.#lastPiece.at} and at ${at} lie over each other`
    this.#lastPiece = { at, end }
    for (; this.#nextTable < this.#sorted.length; this.#nextTable++) {
      const table = this.#sorted[this.#nextTable] as number
      if (this.#endOf(table) <= at) continue
      if (this.#startOf(table) < end) this.#pieceOverlap ??= `its ${name} at ${at} lies over its ${this.#names[table]}`
      break
    }
    return this.#needed <= this.#size && this.#pieceOverlap === undefined
  }

  #reach(end: number | bigint): void {
    if (end > this.#needed) this.#needed = end
  }

  /** Says whether a block of data lies at an offset of the file. */
  hasBlockAt(offset: number): boolean {
    return this.#blocksAround(offset).some((at) => at <= offset && offset < at + this.#blockLength)
  }

  /** Why a file with this layout is damaged, if it is. */
  refusal(): Refusal | undefined {
    if (this.#needed > this.#size) return { why: truncated(this.#needed, this.#size), hint: FETCH_AGAIN }
    const overlap =
      this.#surplusOfTables() ??
      this.#overlapOfTables() ??
      this.#pieceOverlap ??
      this.#overlapOfBlocks() ??
      this.#overlapOfBoth()
    return overlap === undefined ? undefined : { why: `is damaged: ${overlap}`, hint: FETCH_AGAIN }
  }

  /** More tables than the file has room for lie over each other. */
  #surplusOfTables(): string | undefined {
    if (this.#names.length > TABLE_LIMIT || this.#tableCount > ROW_LIMIT)
      return `it has ${this.#tableCount} tables or more`
    const limit = Math.min(this.#size, TABLE_BYTES_LIMIT)
    return this.#tableBytes > limit ? `its tables have more than ${limit} bytes` : undefined
  }

  /** The numbers of the tables, in the order in which these lie. */
  #tablesInOrder(): Uint32Array {
    return Uint32Array.from(this.#names.keys()).sort((a, b) => this.#startOf(a) - this.#startOf(b))
  }

  #overlapOfTables(): string | undefined {
    const sorted = this.#tablesInOrder()
    for (let each = 1; each < sorted.length; each++) {
      const [first, second] = [sorted[each - 1] as number, sorted[each] as number]
      if (this.#startOf(second) < this.#endOf(first))
        return `its ${this.#names[first]} and its ${this.#names[second]} lie over each other`
    }
    return undefined
  }

  #startOf(table: number): number {
    return this.#tables[table * 2] as number
  }

  #endOf(table: number): number {
    return this.#tables[table * 2 + 1] as number
  }

  #overlapOfBlocks(): string | undefined {
    const overlap = (at: number) => `two of its blocks lie over each other at ${at}`
    if (this.#sharedStretch !== undefined) return overlap(this.#sharedStretch)
    let previousEnd = 0
    for (let stretch = 0; stretch < this.#starts.length; stretch++) {
      const start = this.#starts[stretch] as number
      if (start === 0) continue
      const at = stretch * this.#blockLength + start - 1
      if (at < previousEnd) return overlap(at)
      previousEnd = at + this.#blockLength
    }
    return undefined
  }

  #overlapOfBoth(): string | undefined {
    for (const [table, name] of this.#names.entries()) {
      const [at, end] = [this.#startOf(table), this.#endOf(table)]
      const from = Math.max(0, Math.floor(at / this.#blockLength) - 1)
      const to = Math.min(Math.ceil(end / this.#blockLength), this.#starts.length)
      for (let stretch = from; stretch < to; stretch++) {
        const start = this.#starts[stretch] as number
        const hit = stretch * this.#blockLength + start - 1
        if (start !== 0 && hit < end && at < hit + this.#blockLength) return `a block at ${hit} lies over its ${name}`
      }
    }
    return undefined
  }

  /** Starts of blocks in the stretch of an offset and the one before. */
  #blocksAround(offset: number): number[] {
    const stretch = Math.floor(offset / this.#blockLength)
    return [stretch - 1, stretch].flatMap((each) => {
      const start = this.#starts[each] ?? 0
      return start === 0 ? [] : [each * this.#blockLength + start - 1]
    })
  }
}
