/** Things that a person is shown before they go. */
const SHOWN = 20

/** What of one kind a purge would remove: how many, and for people the first of them. */
export class Going {
  count = 0
  /** Canonical ids, with the name of the image or the path of the object's file. */
  readonly first: { id: string; name: string }[] = []

  /** Counts one more. */
  add(id: string, name: string): void {
    this.count++
    if (this.first.length < SHOWN) this.first.push({ id, name })
  }
}
