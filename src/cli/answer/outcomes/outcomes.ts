import { asVdcError, ERRORS, type ErrorCode, isOfDatabase, type VdcError } from '../../../core/errors.ts'
import type { Outcome } from '../../../registry/batch/batches.ts'
import type { Session } from '../../session/session.ts'
import { noneOnStdin, STDIN } from '../../session/stdin-ids.ts'
import { writeNote } from '../../terminal/output.ts'
import { isJson } from '../format.ts'
import type { Printer } from '../printer.ts'
import { tellError } from './tell-error.ts'

/** Errors after which the next items would fail too, in addition to errors of the database. */
const FINAL: readonly ErrorCode[] = [
  'COMMIT_UNCERTAIN',
  'SCHEMA_MISSING',
  'SCHEMA_OLDER',
  'QEMU_IMG_FAILED',
  'INTERRUPTED',
  'TERMINATED',
]

/** Works on several items. `oneByOne` makes it from work on one item. */
export type Work<T> = (ids: readonly string[]) => AsyncIterable<Outcome<T>>

/** The outcome of an item that did not fail. */
type Done<T> = Extract<Outcome<T>, { result: T }>

/** Returns true if the words name a single item. IDs on stdin count as several. */
export function isOne(words: readonly string[]): boolean {
  return words.length === 1 && words[0] !== STDIN
}

/** Works on the items of a command, and reports those that fail. */
export class Outcomes {
  readonly #printer: Printer
  readonly #session: Session
  readonly #inOptions: (error: unknown) => unknown
  #isPrinting = false

  /** @param inOptions replaces the registry's fields in an error by the command's options. */
  constructor(printer: Printer, session: Session, inOptions: (error: unknown) => unknown) {
    this.#printer = printer
    this.#session = session
    this.#inOptions = inOptions
  }

  /** True while a result is printed. Other results may be committed, but not printed yet. */
  get isPrinting(): boolean {
    return this.#isPrinting
  }

  /**
   * Works on items, and yields the outcomes of those that did not fail. If one of several items fails, reports it,
   * continues with the next one, and sets the exit code to 9.
   *
   * @param words IDs; `-` stands for those on stdin.
   * @param work is called with each batch of IDs as it arrives.
   * @throws VdcError the error of a single item, or one after which the next items would fail too; as `StdinIds.of`.
   */
  async *of<T>(words: readonly string[], work: Work<T>): AsyncGenerator<Done<T>> {
    let count = 0
    for await (const ids of this.#session.ids(words)) {
      count += ids.length
      for await (const outcome of work(ids)) {
        this.#isPrinting = true
        if ('result' in outcome) yield outcome
        else await this.failure(outcome, isOne(words))
        this.#isPrinting = false
      }
    }
    if (count === 0) await writeNote(noneOnStdin())
  }

  /**
   * Reports the failure of an item, and sets the exit code to 9.
   *
   * @throws VdcError the failure, if it is the only item, or the next ones would fail too.
   */
  async failure({ id, error: thrown }: { id: string; error: VdcError }, isOnly: boolean): Promise<void> {
    const error = asVdcError(this.#inOptions(thrown))
    if (isOnly || this.#isFinal(error.code)) throw error
    await tellError(error, isJson(this.#printer.format))
    process.exitCode = ERRORS.PARTLY_DONE.exit
    await this.#printer.failure({ id, ...error.toJSON() })
  }

  #isFinal(code: ErrorCode): boolean {
    return FINAL.includes(code) || isOfDatabase(code) || (code === 'DATABASE_BUSY' && this.#session.isTogether)
  }
}
