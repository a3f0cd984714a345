import { VdcError } from '../../../../core/errors.ts'
import { FILE } from '../../../inspect/inspection.ts'

/*
 * Refuses qcow2 images that refer to a table more than once where no program would.
 * qemu-img check reads a table each time that it is referred to, so a file of half a
 * megabyte can keep it busy for minutes.
 */

/** A table of an image. */
export interface Table {
  /** Offset in bytes. */
  at: number
  entries: number
}

/**
 * Returns the refusal of a table that is referred to twice.
 *
 * @param table its name and offset, for the message.
 */
export function sharedTable(table: string): VdcError {
  return new VdcError('FILE_REFUSED', `is damaged: it refers to the ${table} more than once`, {
    hint: `If you trust its source, make a clean copy: qemu-img convert -f qcow2 -O qcow2 ${FILE} OUT.qcow2`,
  })
}

/**
 * Requires that no refcount block is referred to twice.
 *
 * @param offsets of the refcount blocks; 0 stands for none. Sorted in place.
 * @throws VdcError FILE_REFUSED, without the name of the file, if one is.
 */
export function requireOnce(offsets: Float64Array): void {
  offsets.sort()
  for (let each = 1; each < offsets.length; each++) {
    const offset = offsets[each] as number
    if (offset !== 0 && offset === offsets[each - 1]) throw sharedTable(`refcount block at ${offset}`)
  }
}

/** Checks that first-level tables do not overlap. There are at most 1001: one of the disk, and one for each snapshot. */
export class TablesApart {
  readonly #tables: { at: number; end: number }[] = []

  /**
   * Adds a table.
   *
   * @throws VdcError FILE_REFUSED, without the name of the file, if it overlaps an earlier one.
   */
  add({ at, entries }: Table): void {
    const end = at + entries * 8
    if (this.#tables.some((other) => at < other.end && other.at < end)) throw sharedTable(`first-level table at ${at}`)
    if (entries > 0) this.#tables.push({ at, end })
  }
}
