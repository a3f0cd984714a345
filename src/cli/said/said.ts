import { shellWord } from '../../core/shell-word.ts'
import type { Happened } from '../../registry/happened.ts'
import { writeNote } from '../terminal/output.ts'
import { saidOf } from './text.ts'
import { type Done, reverseOf, reverseOptions } from './undo.ts'

/** Things that have a line of their own; others are only counted. */
const MOST = 10

/** Says to a person what happened to things: a line each, and the number of others. */
export class Said {
  readonly #isOnly: boolean
  readonly #told: Done[] = []
  readonly #others: { changed: number; unchanged: number } = { changed: 0, unchanged: 0 }

  /** @param isOnly there is one thing only, so its line tells the way back too. */
  constructor(isOnly: boolean) {
    this.#isOnly = isOnly
  }

  /** Says what happened to a thing; undefined if there is nothing to tell. */
  async tell(happened: Happened | undefined, result: object): Promise<void> {
    if (happened === undefined) return
    if (this.#told.length === MOST) {
      this.#others[happened.what === 'unchanged' ? 'unchanged' : 'changed']++
      return
    }
    const done = { happened, isProtected: 'protected' in result && result.protected === true }
    this.#told.push(done)
    await writeNote(saidOf(done, { isOnly: this.#isOnly }))
  }

  /** Says how many others there were, and the way back of them all. */
  async end(): Promise<void> {
    const { changed, unchanged } = this.#others
    if (changed + unchanged > 0) {
      const some = unchanged > 0 && changed > 0 ? ` (${unchanged} of them unchanged)` : ''
      await writeNote(`… and ${changed + unchanged} more${some}`)
    }
    if (this.#isOnly) return
    const done = this.#told.filter(({ happened }) => happened.what !== 'unchanged')
    const [first] = done
    const reverse = first && reverseOf(first.happened)
    if (reverse === undefined) return
    const ids = changed > 0 ? 'ID...' : done.map(({ happened }) => shellWord(happened.id)).join(' ')
    await writeNote(`Undo: ${reverse} ${ids}${reverseOptions(done)}`)
  }
}
