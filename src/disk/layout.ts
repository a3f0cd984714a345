import type { Refusal } from './inspector.ts'
import { truncated } from './source.ts'

/** Blocks up to which overlaps of blocks are looked for: 4 bytes each are kept. */
const BLOCK_LIMIT = 8 * 1024 * 1024
/** Tables, and bytes of them, that are read; more are those of disks that nobody has. */
export const [TABLE_LIMIT, TABLE_BYTES_LIMIT] = [256 * 1024, 1024 ** 3]

interface Table {
  name: string
  at: number
  end: number
}

/**
 * Where the tables and blocks of an image lie in its file: all must be inside,
 * and none over another.
 */
export class Layout {
  readonly #size: number
  readonly #blockLength: number
  readonly #tables: Table[] = []
  /** By stretches of the file, each as long as a block: where in it a block starts, plus 1. */
  readonly #starts: Uint32Array
  #needed = 0
  #tableCount = 0
  #tableBytes = 0
  #sharedStretch: number | undefined

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
   * @returns false when it is clear already that the file is damaged, so that
   *   nobody follows tables that lead in circles.
   */
  table(name: string, at: number, length: number): boolean {
    const end = at + length
    this.#needed = Math.max(this.#needed, end)
    this.#tableBytes += length
    this.#tableCount++
    const last = this.#tables.at(-1)
    // So many small ones may follow each other.
    if (last?.name === name && last.end === at) last.end = end
    else this.#tables.push({ name, at, end })
    return this.#needed <= this.#size && this.#surplusOfTables() === undefined
  }

  /** Adds a block of data; the last one of a disk may be shorter than the others. */
  block(at: number, length = this.#blockLength): void {
    const end = at + length
    if (end > this.#needed) this.#needed = end
    const stretch = Math.floor(at / this.#blockLength)
    if (stretch >= this.#starts.length) return
    if (this.#starts[stretch] !== 0) this.#sharedStretch ??= at
    this.#starts[stretch] = at - stretch * this.#blockLength + 1
  }

  /** Says whether a block of data lies at an offset of the file. */
  hasBlockAt(offset: number): boolean {
    return this.#blocksAround(offset).some((at) => at <= offset && offset < at + this.#blockLength)
  }

  /** Why a file with this layout is damaged, if it is. */
  refusal(): Refusal | undefined {
    if (this.#needed > this.#size) return { why: truncated(this.#needed, this.#size) }
    const overlap =
      this.#surplusOfTables() ?? this.#overlapOfTables() ?? this.#overlapOfBlocks() ?? this.#overlapOfBoth()
    return overlap === undefined ? undefined : { why: `is damaged: ${overlap}` }
  }

  /** More tables than the file has room for lie over each other. */
  #surplusOfTables(): string | undefined {
    if (this.#tableCount > TABLE_LIMIT) return `it has more than ${TABLE_LIMIT} tables`
    const limit = Math.min(this.#size, TABLE_BYTES_LIMIT)
    return this.#tableBytes > limit ? `its tables have more than ${limit} bytes` : undefined
  }

  #overlapOfTables(): string | undefined {
    const sorted = this.#tables.toSorted((a, b) => a.at - b.at)
    const second = sorted.findIndex((table, at) => at > 0 && table.at < (sorted[at - 1] as Table).end)
    if (second === -1) return undefined
    return `its ${sorted[second - 1]?.name} and its ${sorted[second]?.name} lie over each other`
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
    for (const table of this.#tables) {
      const from = Math.max(0, Math.floor(table.at / this.#blockLength) - 1)
      const to = Math.min(Math.ceil(table.end / this.#blockLength), this.#starts.length)
      for (let stretch = from; stretch < to; stretch++) {
        const start = this.#starts[stretch] as number
        const hit = stretch * this.#blockLength + start - 1
        if (start !== 0 && hit < table.end && table.at < hit + this.#blockLength)
          return `a block at ${hit} lies over its ${table.name}`
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
