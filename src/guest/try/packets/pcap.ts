/** The first word of a file with times in microseconds, and one with times in nanoseconds. */
const MAGICS = new Set([0xa1b2c3d4, 0xa1b23c4d])
const ETHERNET = 1
/** Bytes of the header of a file, and of that of a record. */
const [FILE_HEADER, RECORD_HEADER] = [24, 16]
/** Bytes of the longest frame. QEMU's filter-dump cuts frames at this length. */
const LONGEST_FRAME = 65536

/**
 * Reads a stream of libpcap's format, as QEMU's filter-dump writes it
 * (https://www.tcpdump.org/manpages/pcap-savefile.5.html). Reading ends where the stream is damaged.
 */
export class PcapReader {
  readonly #held = Buffer.alloc(LONGEST_FRAME)
  #length = 0
  #wanted = FILE_HEADER
  #part: 'file-header' | 'record-header' | 'frame' | 'damage' = 'file-header'
  #isLittleEndian = true

  /** Whether the stream is not in this format from some point on. */
  get isDamaged(): boolean {
    return this.#part === 'damage'
  }

  /** Yields the Ethernet frames that end in a chunk of the stream, which may have any length. */
  *read(chunk: Buffer): Generator<Buffer> {
    let at = 0
    while (at < chunk.length && !this.isDamaged) {
      const copied = chunk.copy(this.#held, this.#length, at, at + this.#wanted - this.#length)
      at += copied
      this.#length += copied
      if (this.#length < this.#wanted) return
      const bytes = this.#held.subarray(0, this.#length)
      const frame = this.#part === 'frame' ? Buffer.from(bytes) : undefined
      this.#goOn(bytes)
      if (frame !== undefined) yield frame
    }
  }

  #goOn(bytes: Buffer): void {
    this.#length = 0
    if (this.#part === 'file-header') this.#readFileHeader(bytes)
    else if (this.#part === 'record-header') this.#want('frame', this.#word(bytes, 8))
    else this.#want('record-header', RECORD_HEADER)
  }

  #readFileHeader(header: Buffer): void {
    this.#isLittleEndian = MAGICS.has(header.readUInt32LE(0))
    // The upper bits of the word tell whether frames have checksums.
    const isEthernet = (this.#word(header, 20) & 0xffff) === ETHERNET
    if (MAGICS.has(this.#word(header, 0)) && isEthernet) this.#want('record-header', RECORD_HEADER)
    else this.#part = 'damage'
  }

  #want(part: 'record-header' | 'frame', length: number): void {
    this.#part = length === 0 ? 'record-header' : part
    this.#wanted = length === 0 ? RECORD_HEADER : length
    if (length > LONGEST_FRAME) this.#part = 'damage'
  }

  #word(bytes: Buffer, at: number): number {
    return this.#isLittleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
  }
}
