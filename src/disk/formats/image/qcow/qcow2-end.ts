import { readWhole, type Source } from '../../../file/source.ts'
import { TABLE_BYTES_LIMIT, TABLE_LIMIT } from '../../../inspect/layout.ts'
import { pieceBuffer, piecesOfTable, type TablePiece } from '../../../inspect/table-pieces.ts'
import { largest } from '../../shared.ts'
import { isWholeDeflate, isWholeZstd } from '../whole-cluster.ts'
import { requireOnce, sharedTable, type Table, TablesApart } from './qcow2-shared.ts'

/*
 * How far the tables of a qcow2 image and what they refer to reach into its file:
 * https://www.qemu.org/docs/master/interop/qcow2.html, "Host cluster management",
 * "Cluster mapping", "Snapshots" and "Bitmaps extension". `qemu-img check` compares
 * the tables with each other, but takes a last cluster that is partly missing for whole.
 */

/** Where an image says that its tables are. */
export interface Qcow2Shape {
  clusterBits: number
  virtualSize: number
  /** Entries of second-level tables tell of 32 parts of each cluster ("Extended L2 Entries"). */
  hasSubclusters: boolean
  isZstd: boolean
  /** The first-level table. */
  first: Table
  refcounts: Table
  snapshots: Table
  /** The bitmap directory; its entries count bitmaps. */
  bitmaps: Table
}

const SECTOR = 512
/** In the upper half of an entry: the bits of the offset, and that the cluster is compressed. */
const [OFFSET_HIGH, COMPRESSED_HIGH] = [0x00ffffff, 0x40000000]
/** In the lower half: the bits of the offset, and that the cluster reads as zeros whatever is there. */
const [OFFSET_LOW, ZERO_LOW] = [0xfffffe00, 1]

/**
 * Byte behind the last one that an image refers to. It stops early at what lies beyond the file's end.
 *
 * @throws VdcError FILE_REFUSED, without the file's name, for tables that are named more often than they can be.
 */
export async function endOfQcow2(source: Source, shape: Qcow2Shape): Promise<number | bigint> {
  return new Walk(source, shape).findEnd()
}

class Walk {
  readonly #source: Source
  readonly #shape: Qcow2Shape
  readonly #cluster: number
  /** By the place of each second-level table, the number of the first-level table that named it last. */
  readonly #namedBy = new Map<number, number>()
  #firstTables = 0
  #end: number | bigint = 0
  /** Bytes of tables that were read: if the file has fewer, tables lie over each other. */
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
    // What has more tables than are read is left to qemu-img check.
    return this.#end > this.#source.size || this.#tableBytes > TABLE_BYTES_LIMIT || this.#tableCount > TABLE_LIMIT
  }

  /** The entries of a table, as bytes. */
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

  /** Goes through a table of offsets of clusters; those that are 0 mean none. `onOffset` gets the entry's number too. */
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

  /** Follows a first-level table. Only snapshots share second-level tables, each from a first-level table of its own. */
  async #followFirst(table: Table, diskSize: number): Promise<void> {
    const number = ++this.#firstTables
    const entryLength = this.#shape.hasSubclusters ? 16 : 8
    const entries = this.#cluster / entryLength
    for await (const first of this.#piecesOf(table.at, table.entries * 8)) {
      for (let each = 0; each < first.bytes.length && !this.#isDone; each += 8) {
        const at = offsetAt(first.bytes, each)
        if (at === 0) continue
        const by = this.#namedBy.get(at)
        if (by === number) throw sharedTable(`second-level table at ${at}`)
        this.#namedBy.set(at, number)
        if (by !== undefined) continue
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

  /** @param left bytes of the disk from this cluster on; what a snapshot keeps of a machine's memory lies behind it. */
  #followEntry(table: Buffer, at: number, left: number): void {
    const [high, low] = [table.readUInt32BE(at), table.readUInt32BE(at + 4)]
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

  /** The table that an entry begins with, if it lies inside the file. */
  #tableIn(head: Buffer): Table | undefined {
    const [at, entries] = [head.readBigUInt64BE(0), head.readUInt32BE(8)]
    this.#reach(at + BigInt(entries * 8))
    return this.#isDone ? undefined : { at: Number(at), entries }
  }

  /**
   * Compressed clusters count whole sectors, the last of which the file need not
   * have to its end: only the data tells whether it does.
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

/** "Compressed Clusters Descriptor". */
function compressedAt(entry: bigint, clusterBits: number): { at: number; end: number } {
  const offsetBits = BigInt(70 - clusterBits)
  const at = Number(entry & ((1n << offsetBits) - 1n))
  const more = Number((entry & ((1n << 62n) - 1n)) >> offsetBits)
  return { at, end: (Math.floor(at / SECTOR) + 1 + more) * SECTOR }
}

function within(length: number, left: number): number {
  return left > 0 ? Math.min(length, left) : 1
}

function aligned(at: number, to: number): number {
  return Math.ceil(at / to) * to
}
