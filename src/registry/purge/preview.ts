/** The number of images or files shown before a purge. */
const SHOWN = 20

/** The images or files that a purge would remove: their number, and the first of them to show. */
export class Going {
  count = 0
  /** The bytes of files, each counted once. */
  bytes = 0
  /** Of images, the canonical IDs of the backup objects that they boot from or have volumes made from. */
  readonly objectIds = new Set<string>()
  readonly #paths = new Set<string>()
  /** Canonical IDs, each with the display name of the image or the path of the object's file. */
  readonly first: { id: string; name: string }[] = []

  /** Counts an image or a file, and keeps it if it is among the first. */
  add(id: string, name: string): void {
    this.count++
    if (this.first.length < SHOWN) this.first.push({ id, name })
  }

  /** Counts the bytes of a file, unless those of its path are counted already. */
  addBytes(path: string, bytes: number): void {
    if (!this.#paths.has(path)) this.bytes += bytes
    this.#paths.add(path)
  }
}
