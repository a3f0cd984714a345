import { printable } from '../../terminal/escape.ts'
import { writeNote } from '../../terminal/output.ts'

/** The items that a command has stored one after the other, for the case that it ends early. */
export class StoredItems {
  readonly #unprinted: string[] = []
  #count = 0
  #last = ''

  /** Adds an item after its commit; `word` is what it was made from. */
  add({ id: word, result }: { id: string; result: { id: string } }): void {
    this.#count++
    this.#last = word
    this.#unprinted.push(result.id)
  }

  /** The IDs that were not printed. */
  get unprinted(): string {
    return this.#unprinted.join(', ')
  }

  /** Notes that the ID of the last item was printed. */
  printed(): void {
    this.#unprinted.pop()
  }

  /** Prints the stored IDs that were not printed, and how far the command got. */
  async tell(): Promise<void> {
    for (const id of this.#unprinted) await writeNote(`Stored: ${id}`)
    if (this.#count > 0)
      await writeNote(`Stored before this: ${this.#count}, the last one from ${printable(this.#last)}`)
  }
}
