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
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const before = this.#rest.length
    let at = 0
    while (!this.isOther) {
      const skipped = Math.min(this.#skip, bytes.length - at)
      at += skipped
      this.#skip -= skipped
      // Between archives, and never within one.
      while (this.#skip === 0 && bytes[at] === 0) at++
      if (this.#skip > 0 || bytes.length - at < HEADER) break
      const entry = entryAt(bytes, at)
      if (entry === undefined) this.isOther = true
      else if (bytes.length - at < entry.header) break
      else {
        const name = bytes.toString('latin1', at + HEADER, at + HEADER + entry.nameSize - 1)
        this.isAtEnd = name === TRAILER
        if (!this.isAtEnd) names.push(name)
        at += entry.header
        this.#skip = padded(entry.size)
      }
    }
    this.#rest = this.isOther ? Buffer.alloc(0) : bytes.subarray(at)
    return { names, used: this.isOther ? at - before : chunk.length }
  }
}

function entryAt(bytes: Buffer, at: number): { nameSize: number; header: number; size: number } | undefined {
  if (!MAGIC.test(bytes.toString('latin1', at, at + 6))) return undefined
  const number = (from: number) => Number.parseInt(bytes.toString('latin1', at + from, at + from + 8), 16)
  const [nameSize, size] = [number(NAME_SIZE_AT), number(FILE_SIZE_AT)]
  if (!(nameSize > 0 && nameSize <= LONGEST_NAME && size >= 0)) return undefined
  return { nameSize, header: padded(HEADER + nameSize), size }
}

function padded(size: number): number {
  return Math.ceil(size / 4) * 4
}
