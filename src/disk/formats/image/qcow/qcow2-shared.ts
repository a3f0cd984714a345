import { VdcError } from '../../../../core/errors.ts'
import { FILE } from '../../../inspect/inspection.ts'

/*
 * Tables of a qcow2 image that are named more often than a program would name
 * them. qemu-img check goes through each of them as often as it is named, so a
 * file of half a megabyte can take it minutes.
 */

/** Byte at which a table starts, and how many entries it has. */
export interface Table {
  at: number
  entries: number
}

/** The refusal of a table that is named twice; `what` is which one. */
export function sharedTable(what: string): VdcError {
  return new VdcError('FILE_REFUSED', `is damaged: it names the ${what} more than once`, {
    hint: `If you trust its maker, make a new one of it: qemu-img convert -f qcow2 -O qcow2 ${FILE} OUT.qcow2`,
  })
}

/**
 * Makes sure that no block of reference counts is there twice; 0 stands for none.
 *
 * @param offsets are sorted.
 * @throws VdcError FILE_REFUSED, without the file's name.
 */
export function requireOnce(offsets: Float64Array): void {
  offsets.sort()
  for (let each = 1; each < offsets.length; each++) {
    const offset = offsets[each] as number
    if (offset !== 0 && offset === offsets[each - 1]) throw sharedTable(`block of reference counts at ${offset}`)
  }
}

/** First-level tables, of which there are at most a thousand and one; none lies over another. */
export class TablesApart {
  readonly #tables: { at: number; end: number }[] = []

  /** Adds a table. Throws VdcError FILE_REFUSED, without the file's name, if it lies over one that was added before. */
  add({ at, entries }: Table): void {
    const end = at + entries * 8
    if (this.#tables.some((other) => at < other.end && other.at < end)) throw sharedTable(`first-level table at ${at}`)
    if (entries > 0) this.#tables.push({ at, end })
  }
}
