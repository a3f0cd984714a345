/** Bytes for which there is room at first. */
const FIRST_ROOM = 1 << 16

/** The beginning of a stream. It takes no more memory than twice its bytes, also if they come one by one. */
export class KeptBytes {
  readonly #most: number
  #room = Buffer.alloc(FIRST_ROOM)
  #length = 0

  /** @param most how many bytes are kept. */
  constructor(most: number) {
    this.#most = most
  }

  /** Adds bytes, as far as they are kept. */
  add(chunk: Buffer): void {
    const length = Math.min(this.#length + chunk.length, this.#most)
    if (length > this.#room.length) {
      const more = Buffer.alloc(Math.min(Math.max(length, 2 * this.#room.length), this.#most))
      this.#room.copy(more, 0, 0, this.#length)
      this.#room = more
    }
    chunk.copy(this.#room, this.#length, 0, length - this.#length)
    this.#length = length
  }

  /** Returns what is kept. */
  bytes(): Buffer {
    return this.#room.subarray(0, this.#length)
  }
}
