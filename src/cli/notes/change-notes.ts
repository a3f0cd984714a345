import { shellWord } from '../../core/shell-word.ts'
import type { Happened } from '../../registry/happened.ts'
import { writeNote } from '../terminal/output.ts'
import { noteOf } from './change-text.ts'
import { type Done, reverseOf, reverseOptions } from './undo.ts'

/** The most things that have a line of their own. Others are only counted. */
const MOST = 10

/** Tells a person what happened to things: one line each for the first ones, and the number of others. */
export class ChangeNotes {
  readonly #isOnly: boolean
  readonly #told: Done[] = []
  readonly #others: { changed: number; unchanged: number } = { changed: 0, unchanged: 0 }

  /** @param isOnly there is only one thing, so its line also names the command that undoes it. */
  constructor(isOnly: boolean) {
    this.#isOnly = isOnly
  }

  /** Tells what happened to a thing; undefined if there is nothing to tell. */
  async tell(happened: Happened | undefined, result: object): Promise<void> {
    if (happened === undefined) return
    if (this.#told.length === MOST) {
      this.#others[happened.what === 'unchanged' ? 'unchanged' : 'changed']++
      return
    }
    const done = { happened, isProtected: 'protected' in result && result.protected === true }
    this.#told.push(done)
    await writeNote(noteOf(done, { isOnly: this.#isOnly }))
  }

  /** Says how many others there were, and which command undoes all changes. */
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
