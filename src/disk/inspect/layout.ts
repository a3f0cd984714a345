import { FETCH_AGAIN, truncated } from '../file/source.ts'
import type { Refusal } from './refusal.ts'

/** Largest number of blocks for which overlaps are checked: each takes 4 bytes of memory. */
const BLOCK_LIMIT = 8 * 1024 * 1024
/** Tables that are read at most: more than any real disk has. */
export const TABLE_LIMIT = 256 * 1024
/** Bytes of all tables that are read at most. */
export const TABLE_BYTES_LIMIT = 1024 ** 3
/** Tables that are read at most if they follow each other, as qemu-img writes them in a VMDK. */
const ROW_LIMIT = 1024 * 1024

/**
 * The positions of the tables and blocks of an image in its file. Checks that all are
 * inside the file, and that none overlap.
 */
export class Layout {
  readonly #size: number
  readonly #blockLength: number
  /** Names of the tables, then starts and ends in turn: an object for each would take three times the memory. */
  readonly #names: string[] = []
  readonly #tables: number[] = []
  /** For each stretch of the file as long as a block, where in it a block starts, plus 1; 0 for none. */
  readonly #starts: Uint32Array
  #needed: number | bigint = 0
  #tableCount = 0
  #tableBytes = 0
  #sharedStretch: number | undefined
  /** Numbers of the tables, sorted by offset. Set when the first piece is added. */
  #sorted: Uint32Array | undefined
  /** Index in #sorted of the first table that may overlap the next piece. */
  #nextTable = 0
  #lastPiece = { at: 0, end: 0 }
  #pieceOverlap: string | undefined

  /**
   * @param size of the file in bytes.
   * @param blockLength bytes that a block of data takes in the file.
   */
  constructor(size: number, blockLength: number) {
    this.#size = size
    this.#blockLength = blockLength
    const count = Math.ceil(size / blockLength)
    this.#starts = new Uint32Array(count <= BLOCK_LIMIT && blockLength < 2 ** 32 ? count : 0)
  }

  /**
   * Adds a table or header.
   *
   * @param name for messages.
   * @param at its offset; a bigint if the file stores it in 64 bits, so that messages are exact.
   * @returns false if the file is already known to be damaged. Callers stop then, as
   *   tables may form a loop.
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
    // A file can have very many small tables in a row: count them as one.
    if (this.#names.at(-1) === name && this.#tables.at(-1) === at) this.#tables[this.#tables.length - 1] = end
    else {
      this.#names.push(name)
      this.#tables.push(at, end)
    }
    const isOverLast = at < lastEnd && lastAt < end
    return this.#needed <= this.#size && !isOverLast && this.#surplusOfTables() === undefined
  }

  /** Adds a block of data; the last one of a disk can be shorter than the others. */
  block(at: number, length = this.#blockLength): void {
    this.#reach(at + length)
    const stretch = Math.floor(at / this.#blockLength)
    if (stretch >= this.#starts.length) return
    if (this.#starts[stretch] !== 0) this.#sharedStretch ??= at
    this.#starts[stretch] = at - stretch * this.#blockLength + 1
  }

  /**
   * Adds a piece of data of any length, such as a compressed block. Call it after all
   * tables are added, with pieces sorted by offset; a piece before the last one starts a
   * new round.
   *
   * @returns false if the file is already known to be damaged.
   */
  piece(name: string, at: number, length: number): boolean {
    const end = at + length
    this.#reach(end)
    this.#sorted ??= this.#tablesInOrder()
    if (at < this.#lastPiece.at) {
      this.#nextTable = 0
      this.#lastPiece = { at: 0, end: 0 }
    }
    if (at < this.#lastPiece.end) this.#pieceOverlap ??= `its ${name}s at ${this.#lastPiece.at} and at ${at} overlap`
    this.#lastPiece = { at, end }
    for (; this.#nextTable < this.#sorted.length; this.#nextTable++) {
      const table = this.#sorted[this.#nextTable] as number
      if (this.#endOf(table) <= at) continue
      if (this.#startOf(table) < end) this.#pieceOverlap ??= `its ${name} at ${at} overlaps its ${this.#names[table]}`
      break
    }
    return this.#needed <= this.#size && this.#pieceOverlap === undefined
  }

  #reach(end: number | bigint): void {
    if (end > this.#needed) this.#needed = end
  }

  /** Returns whether an offset of the file is in a block of data. */
  hasBlockAt(offset: number): boolean {
    return this.#blocksAround(offset).some((at) => at <= offset && offset < at + this.#blockLength)
  }

  /** Returns why a file with this layout is damaged, or undefined if it is not. */
  refusal(): Refusal | undefined {
    if (this.#needed > this.#size) return { why: truncated(this.#needed, this.#size), hint: FETCH_AGAIN }
    const overlap =
      this.#surplusOfTables() ??
      this.#overlapOfTables() ??
      this.#pieceOverlap ??
      this.#overlapOfBlocks() ??
      this.#overlapOfTableAndBlock()
    return overlap === undefined ? undefined : { why: `is damaged: ${overlap}`, hint: FETCH_AGAIN }
  }

  /** Tables with more bytes than the file must overlap. */
  #surplusOfTables(): string | undefined {
    if (this.#names.length > TABLE_LIMIT || this.#tableCount > ROW_LIMIT)
      return `it has at least ${this.#tableCount} tables`
    const limit = Math.min(this.#size, TABLE_BYTES_LIMIT)
    return this.#tableBytes > limit ? `its tables take more than ${limit} bytes` : undefined
  }

  /** Returns the numbers of the tables, sorted by offset. */
  #tablesInOrder(): Uint32Array {
    return Uint32Array.from(this.#names.keys()).sort((a, b) => this.#startOf(a) - this.#startOf(b))
  }

  #overlapOfTables(): string | undefined {
    const sorted = this.#tablesInOrder()
    for (let each = 1; each < sorted.length; each++) {
      const [first, second] = [sorted[each - 1] as number, sorted[each] as number]
      if (this.#startOf(second) < this.#endOf(first))
        return `its ${this.#names[first]} and its ${this.#names[second]} overlap`
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
    const overlap = (at: number) => `two of its blocks overlap at ${at}`
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

  #overlapOfTableAndBlock(): string | undefined {
    for (const [table, name] of this.#names.entries()) {
      const [at, end] = [this.#startOf(table), this.#endOf(table)]
      const from = Math.max(0, Math.floor(at / this.#blockLength) - 1)
      const to = Math.min(Math.ceil(end / this.#blockLength), this.#starts.length)
      for (let stretch = from; stretch < to; stretch++) {
        const start = this.#starts[stretch] as number
        const hit = stretch * this.#blockLength + start - 1
        if (start !== 0 && hit < end && at < hit + this.#blockLength) return `a block at ${hit} overlaps its ${name}`
      }
    }
    return undefined
  }

  /** Returns the starts of the blocks in the stretch of an offset and in the stretch before it. */
  #blocksAround(offset: number): number[] {
    const stretch = Math.floor(offset / this.#blockLength)
    return [stretch - 1, stretch].flatMap((each) => {
      const start = this.#starts[each] ?? 0
      return start === 0 ? [] : [each * this.#blockLength + start - 1]
    })
  }
}
