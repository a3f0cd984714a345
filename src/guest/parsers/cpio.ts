/** Bytes of a header: a magic number and 13 numbers of 8 hexadecimal digits. */
const HEADER = 110
const MAGIC = /^07070[12]$/
const NAME_SIZE_AT = 94
const FILE_SIZE_AT = 54
const LONGEST_NAME = 4096
const TRAILER = 'TRAILER!!!'

/**
 * Reads the names in cpio archives of the format "newc", as in an initramfs
 * (https://docs.kernel.org/driver-api/early-userspace/buffer-format.html). Archives may follow each other, with
 * zeros between them.
 */
export class CpioNames {
  /** Whether an archive has ended, and no other has begun. */
  isAtEnd = false
  /** Whether what follows is no archive. */
  isOther = false
  #rest: Buffer = Buffer.alloc(0)
  #skip = 0

  /**
   * Reads the next bytes.
   *
   * @returns the names in them, one character per byte, and how many bytes of `chunk` were used; fewer than
   *   all only if something else follows.
   */
  read(chunk: Buffer): { names: string[]; used: number } {
    const names: string[] = []
    const before = this.#rest.length
    const bytes = before === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = this.#afterData(bytes, 0)
    while (this.#skip === 0 && bytes.length - at >= HEADER) {
      const entry = entryAt(bytes, at)
      this.isOther = entry === undefined
      if (entry === undefined || bytes.length - at < entry.header) break
      this.isAtEnd = entry.name === TRAILER
      if (!this.isAtEnd) names.push(entry.name)
      this.#skip = padded(entry.size)
      at = this.#afterData(bytes, at + entry.header)
    }
    this.#rest = this.isOther ? Buffer.alloc(0) : bytes.subarray(at)
    return { names, used: this.isOther ? at - before : chunk.length }
  }

  /** Returns where the data of a file ends, and the zeros after an archive. */
  #afterData(bytes: Buffer, from: number): number {
    const skipped = Math.min(this.#skip, bytes.length - from)
    this.#skip -= skipped
    let at = from + skipped
    if (this.#skip === 0) while (bytes[at] === 0) at++
    return at
  }
}

interface Entry {
  name: string
  /** Bytes of the header and the name, with padding. */
  header: number
  /** Bytes of the data, without padding. */
  size: number
}

/** Returns the entry at a place; undefined if there is none. The name is cut off if the bytes end in it. */
function entryAt(bytes: Buffer, at: number): Entry | undefined {
  if (!MAGIC.test(bytes.toString('latin1', at, at + 6))) return undefined
  const number = (from: number) => Number.parseInt(bytes.toString('latin1', at + from, at + from + 8), 16)
  const [nameSize, size] = [number(NAME_SIZE_AT), number(FILE_SIZE_AT)]
  if (!(nameSize > 0 && nameSize <= LONGEST_NAME && size >= 0)) return undefined
  const name = bytes.toString('latin1', at + HEADER, at + HEADER + nameSize - 1)
  return { name, header: padded(HEADER + nameSize), size }
}

function padded(size: number): number {
  return Math.ceil(size / 4) * 4
}
