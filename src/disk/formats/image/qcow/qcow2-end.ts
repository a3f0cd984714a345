import { readWhole, type Source } from '../../../file/source.ts'
import { TABLE_BYTES_LIMIT, TABLE_LIMIT } from '../../../inspect/layout.ts'
import { pieceBuffer, piecesOfTable, type TablePiece } from '../../../inspect/table-pieces.ts'
import { largest } from '../../shared.ts'
import { isWholeDeflate, isWholeZstd } from '../whole-cluster.ts'
import { requireOnce, sharedTable, type Table, TablesApart } from './qcow2-shared.ts'

/*
 * Finds the end of a qcow2 image: of its tables and everything that they refer to. See
 * https://www.qemu.org/docs/master/interop/qcow2.html, "Host cluster management",
 * "Cluster mapping", "Snapshots" and "Bitmaps extension". `qemu-img check` compares the
 * tables with each other, but does not notice if a part of the last cluster is missing.
 */

/** The tables of an image, and how to read them. */
export interface Qcow2Shape {
  /** Logarithm of the bytes of a cluster. */
  clusterBits: number
  /** In bytes. */
  virtualSize: number
  /** Whether second-level entries describe 32 parts of each cluster ("Extended L2 Entries"). */
  hasSubclusters: boolean
  /** Whether clusters are compressed with zstd, not deflate. */
  isZstd: boolean
  /** The first-level table. */
  first: Table
  /** The refcount table. */
  refcounts: Table
  /** The snapshot table; its entries are snapshots of different lengths. */
  snapshots: Table
  /** The bitmap directory; its entries are bitmaps of different lengths. */
  bitmaps: Table
}

const SECTOR = 512
/** The bits of the offset in the upper and the lower half of an entry. */
const OFFSET_HIGH = 0x00ffffff
const OFFSET_LOW = 0xfffffe00
/** The bit in the upper half that marks a compressed cluster. */
const COMPRESSED_HIGH = 0x40000000
/** The bit in the lower half that marks a cluster that reads as zeros, whatever its data. */
const ZERO_LOW = 1

/**
 * Returns the offset after the last byte that an image refers to. Stops at the first
 * reference beyond the end of the file.
 *
 * @throws VdcError FILE_REFUSED, without the name of the file, if the image refers to a
 *   table more often than is valid.
 */
export async function endOfQcow2(source: Source, shape: Qcow2Shape): Promise<number | bigint> {
  return new Walk(source, shape).findEnd()
}

class Walk {
  readonly #source: Source
  readonly #shape: Qcow2Shape
  readonly #cluster: number
  /** For the offset of each second-level table, the number of the last first-level table that refers to it. */
  readonly #referrers = new Map<number, number>()
  #firstTables = 0
  #end: number | bigint = 0
  /** Bytes of tables that were read; if the file is smaller, tables overlap. */
  #tableBytes = 0
  #tableCount = 0
  readonly #buffer: Buffer
  #lastCompressed = { at: 0, end: 0 }

  constructor(source: Source, shape: Qcow2Shape) {
    this.#source = source
    this.#shape = shape
    this.#cluster = 2 ** shape.clusterBits
    this.#buffer = pieceBuffer(this.#cluster)
  }

  async findEnd(): Promise<number | bigint> {
    const { first, refcounts, virtualSize } = this.#shape
    const blocks = new Float64Array(refcounts.entries)
    await this.#reachClustersOf(refcounts, (entry, offset) => {
      blocks[entry] = offset
    })
    requireOnce(blocks)
    await this.#followFirst(first, virtualSize)
    await this.#followSnapshots()
    await this.#followBitmaps()
    return (await this.#isLastCompressedWhole()) ? this.#end : largest(this.#end, this.#lastCompressed.end)
  }

  #reach(end: number | bigint): void {
    if (end > this.#end) this.#end = end
  }

  get #isDone(): boolean {
    // If there are more tables than this, qemu-img check has to find the damage.
    return this.#end > this.#source.size || this.#tableBytes > TABLE_BYTES_LIMIT || this.#tableCount > TABLE_LIMIT
  }

  /** Reads the entries of a table, as bytes. */
  async *#piecesOf(at: number, length: number, buffer?: Buffer): AsyncGenerator<TablePiece> {
    this.#reach(at + length)
    this.#tableBytes += length
    this.#tableCount++
    if (this.#isDone) return
    if (this.#tableBytes > this.#source.size) throw sharedTable(`table at ${at}, or a part of it,`)
    for await (const piece of piecesOfTable(this.#source, at, length, buffer)) {
      yield piece
      if (this.#isDone) return
    }
  }

  /** Follows a table of cluster offsets; 0 stands for no cluster. */
  async #reachClustersOf({ at, entries }: Table, onOffset?: (entry: number, offset: number) => void): Promise<void> {
    for await (const { from, bytes } of this.#piecesOf(at, entries * 8)) {
      for (let each = 0; each < bytes.length; each += 8) {
        const offset = offsetAt(bytes, each)
        if (offset === 0) continue
        this.#reach(offset + this.#cluster)
        onOffset?.((from + each) / 8, offset)
      }
    }
  }

  /** Follows a first-level table. Second-level tables can be shared only by the first-level tables of snapshots. */
  async #followFirst(table: Table, diskSize: number): Promise<void> {
    const number = ++this.#firstTables
    const entryLength = this.#shape.hasSubclusters ? 16 : 8
    const entries = this.#cluster / entryLength
    for await (const first of this.#piecesOf(table.at, table.entries * 8)) {
      for (let each = 0; each < first.bytes.length && !this.#isDone; each += 8) {
        const at = offsetAt(first.bytes, each)
        if (at === 0) continue
        const referrer = this.#referrers.get(at)
        if (referrer === number) throw sharedTable(`second-level table at ${at}`)
        this.#referrers.set(at, number)
        if (referrer !== undefined) continue
        const guest = ((first.from + each) / 8) * entries * this.#cluster
        await this.#followSecond(at, entryLength, diskSize - guest)
      }
    }
  }

  async #followSecond(at: number, entryLength: number, bytesLeft: number): Promise<void> {
    for await (const { from, bytes } of this.#piecesOf(at, this.#cluster, this.#buffer)) {
      let left = bytesLeft - (from / entryLength) * this.#cluster
      for (let each = 0; each < bytes.length; each += entryLength, left -= this.#cluster)
        this.#followEntry(bytes, each, left)
    }
  }

  /** @param left bytes of the disk from this cluster on; not positive in the saved memory of a machine, which follows the disk. */
  #followEntry(table: Buffer, at: number, left: number): void {
    const high = table.readUInt32BE(at)
    const low = table.readUInt32BE(at + 4)
    if (high & COMPRESSED_HIGH) {
      const cluster = compressedAt(table.readBigUInt64BE(at), this.#shape.clusterBits)
      if (cluster.at > this.#lastCompressed.at) this.#lastCompressed = cluster
      return
    }
    const offset = offsetAt(table, at)
    if (offset === 0) return
    if (this.#shape.hasSubclusters) {
      const allocated = 32 - Math.clz32(table.readUInt32BE(at + 12))
      if (allocated > 0) this.#reach(offset + within((allocated * this.#cluster) / 32, left))
    } else if (!(low & ZERO_LOW)) this.#reach(offset + within(this.#cluster, left))
  }

  async #followSnapshots(): Promise<void> {
    let { at } = this.#shape.snapshots
    const tables = new TablesApart()
    tables.add(this.#shape.first)
    for (let left = this.#shape.snapshots.entries; left > 0 && !this.#isDone; left--) {
      const head = await readWhole(this.#source, at, 56)
      const extra = head.readUInt32BE(36)
      const diskSize = extra >= 16 ? Number(head.readBigUInt64BE(48)) : this.#shape.virtualSize
      const end = at + 40 + extra + head.readUInt16BE(12) + head.readUInt16BE(14)
      this.#reach(end)
      const table = this.#tableIn(head)
      if (table === undefined) return
      tables.add(table)
      await this.#followFirst(table, diskSize)
      at = aligned(end, 8)
    }
  }

  async #followBitmaps(): Promise<void> {
    let { at } = this.#shape.bitmaps
    for (let left = this.#shape.bitmaps.entries; left > 0 && !this.#isDone; left--) {
      const head = await readWhole(this.#source, at, 24)
      const table = this.#tableIn(head)
      if (table === undefined) return
      await this.#reachClustersOf(table)
      at = aligned(at + 24 + head.readUInt16BE(18) + head.readUInt32BE(20), 8)
      this.#reach(at)
    }
  }

  /** Returns the table at the start of an entry, or undefined if it reaches beyond the end of the file. */
  #tableIn(head: Buffer): Table | undefined {
    const at = head.readBigUInt64BE(0)
    const entries = head.readUInt32BE(8)
    this.#reach(at + BigInt(entries * 8))
    return this.#isDone ? undefined : { at: Number(at), entries }
  }

  /**
   * Returns whether the last compressed cluster is complete. Its length is in whole
   * sectors, but the file can end within the last one: only the data shows whether it is complete.
   */
  async #isLastCompressedWhole(): Promise<boolean> {
    const { at, end } = this.#lastCompressed
    const { size } = this.#source
    if (end <= size) return true
    if (end > aligned(size, SECTOR) || at >= size) return false
    const data = await readWhole(this.#source, at, size - at)
    return this.#shape.isZstd ? isWholeZstd(data) : isWholeDeflate(data, this.#cluster)
  }
}

function offsetAt(table: Buffer, at: number): number {
  return (table.readUInt32BE(at) & OFFSET_HIGH) * 2 ** 32 + ((table.readUInt32BE(at + 4) & OFFSET_LOW) >>> 0)
}

/** Returns the position of a compressed cluster, from its "Compressed Clusters Descriptor". */
function compressedAt(entry: bigint, clusterBits: number): { at: number; end: number } {
  const offsetBits = BigInt(70 - clusterBits)
  const at = Number(entry & ((1n << offsetBits) - 1n))
  const more = Number((entry & ((1n << 62n) - 1n)) >> offsetBits)
  return { at, end: (Math.floor(at / SECTOR) + 1 + more) * SECTOR }
}

/** Returns the bytes of a cluster that the file must have: fewer at the end of the disk, and 1 after it. */
function within(length: number, left: number): number {
  return left > 0 ? Math.min(length, left) : 1
}

function aligned(at: number, to: number): number {
  return Math.ceil(at / to) * to
}
