/** The number of images or files shown before a purge. */
const SHOWN = 20

/** The images or files that a purge would remove: their number, and the first of them to show. */
export class Going {
  count = 0
  /** Canonical IDs, each with the display name of the image or the path of the object's file. */
  readonly first: { id: string; name: string }[] = []

  /** Counts an image or a file, and keeps it if it is among the first. */
  add(id: string, name: string): void {
    this.count++
    if (this.first.length < SHOWN) this.first.push({ id, name })
  }
}
