import { isZero } from './zeros.ts'

/** Reads pieces of given lengths from a stream of chunks. */
export class ByteReader {
  /** Bytes read so far. */
  position = 0
  readonly #chunks: AsyncIterator<Buffer>
  readonly #onCut: () => Error
  #rest: Buffer = Buffer.alloc(0)

  /** @param onCut returns the error for a stream that ends within a piece. */
  constructor(bytes: AsyncIterable<Buffer>, onCut: () => Error) {
    this.#chunks = bytes[Symbol.asyncIterator]()
    this.#onCut = onCut
  }

  /** Returns the next `length` bytes; undefined at the end of the stream. */
  async next(length: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = []
    let missing = length
    while (missing > 0 && (await this.#fill())) {
      const part = this.#take(missing)
      parts.push(part)
      missing -= part.length
    }
    if (missing === length && length > 0) return undefined
    if (missing > 0) throw this.#onCut()
    return Buffer.concat(parts)
  }

  /** Returns the next `length` bytes. Throws the error of `onCut` at the end of the stream. */
  async require(length: number): Promise<Buffer> {
    const bytes = await this.next(length)
    if (bytes === undefined) throw this.#onCut()
    return bytes
  }

  /** Passes the next `length` bytes to `take` as they arrive. */
  async pass(length: number, take: (bytes: Buffer) => Promise<void> | void): Promise<void> {
    for await (const part of this.pieces(length)) await take(part)
  }

  /** Yields the next `length` bytes as they arrive. */
  async *pieces(length: number): AsyncGenerator<Buffer> {
    for (let missing = length; missing > 0; ) {
      if (!(await this.#fill())) throw this.#onCut()
      const part = this.#take(missing)
      missing -= part.length
      yield part
    }
  }

  /** Reads to the end of the stream, so that damage there is found. Returns true if the rest has only zeros. */
  async hasOnlyZeros(): Promise<boolean> {
    let isClean = true
    while (await this.#fill()) isClean = isZero(this.#take(this.#rest.length)) && isClean
    return isClean
  }

  #take(length: number): Buffer {
    const part = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(part.length)
    this.position += part.length
    return part
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const chunk = await this.#chunks.next()
      if (chunk.done) return false
      this.#rest = chunk.value
    }
    return true
  }
}
