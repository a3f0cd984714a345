import type { Refusal } from './inspector.ts'

/** Blocks up to which overlaps of blocks are looked for: 4 bytes each are kept. */
const BLOCK_LIMIT = 16 * 1024 * 1024

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
  readonly #starts: Uint32Array | undefined
  #needed = 0
  #overlap: string | undefined

  /**
   * @param size bytes of the file.
   * @param blockLength bytes of a block of data.
   */
  constructor(size: number, blockLength: number) {
    this.#size = size
    this.#blockLength = blockLength
    const count = Math.ceil(size / blockLength)
    this.#starts = count <= BLOCK_LIMIT && blockLength < 2 ** 32 ? new Uint32Array(count) : undefined
  }

  /** Adds a table or header; `name` is for people. */
  table(name: string, at: number, length: number): void {
    if (length <= 0) return
    const end = at + length
    this.#needed = Math.max(this.#needed, end)
    const other = this.#tables.find((each) => at < each.end && each.at < end)
    if (other !== undefined) this.#overlap ??= `its ${name} and its ${other.name} lie over each other`
    this.#tables.push({ name, at, end })
  }

  /** Adds a block of data; the last one of a disk may be shorter than the others. */
  block(at: number, length = this.#blockLength): void {
    const end = at + length
    if (end > this.#needed) this.#needed = end
    if (this.#starts === undefined || end > this.#size) return
    const stretch = Math.floor(at / this.#blockLength)
    if (this.#starts[stretch] !== 0) this.#overlap ??= `two of its blocks lie over each other at ${at}`
    this.#starts[stretch] = at - stretch * this.#blockLength + 1
  }

  /** Says whether a block of data lies at an offset of the file. */
  hasBlockAt(offset: number): boolean {
    return this.#blocksAround(offset).some((at) => at <= offset && offset < at + this.#blockLength)
  }

  /** Why a file with this layout is damaged, if it is. */
  refusal(): Refusal | undefined {
    if (this.#needed > this.#size)
      return { why: `is damaged or truncated: it needs ${this.#needed} bytes and has ${this.#size}` }
    const overlap = this.#overlap ?? this.#overlapOfBlocks() ?? this.#overlapOfTables()
    return overlap === undefined ? undefined : { why: `is damaged: ${overlap}` }
  }

  #overlapOfBlocks(): string | undefined {
    const starts = this.#starts ?? new Uint32Array(0)
    let previousEnd = 0
    for (let stretch = 0; stretch < starts.length; stretch++) {
      const start = starts[stretch] as number
      if (start === 0) continue
      const at = stretch * this.#blockLength + start - 1
      if (at < previousEnd) return `two of its blocks lie over each other at ${at}`
      previousEnd = at + this.#blockLength
    }
    return undefined
  }

  #overlapOfTables(): string | undefined {
    for (const table of this.#tables) {
      for (let at = table.at; at < table.end + this.#blockLength; at += this.#blockLength) {
        const hit = this.#blocksAround(at).find((start) => start < table.end && table.at < start + this.#blockLength)
        if (hit !== undefined) return `a block at ${hit} lies over its ${table.name}`
      }
    }
    return undefined
  }

  /** Starts of blocks in the stretch of an offset and the one before. */
  #blocksAround(offset: number): number[] {
    const stretch = Math.floor(offset / this.#blockLength)
    return [stretch - 1, stretch].flatMap((each) => {
      const start = this.#starts?.[each] ?? 0
      return start === 0 ? [] : [each * this.#blockLength + start - 1]
    })
  }
}
