import type { Database } from '../../db/database.ts'
import type { ImageListRow, ImageSelection } from '../../db/lists/images.ts'
import type { Page } from '../../db/lists/order.ts'
import { IMAGES } from './list-request.ts'

/** The number of images read at once. */
const PAGE = 2000

type SortKey = (typeof IMAGES.keys)[number]

/**
 * Reads a list of images page by page. Unlike a stream, this leaves the only connection free between two pages, so
 * that more can be read about the images of each.
 */
export async function* inPages<F extends keyof ImageListRow & string>(
  database: Database,
  selection: ImageSelection,
  { order, after: first, limit: most = Number.POSITIVE_INFINITY }: Page<SortKey>,
  fields: readonly F[],
): AsyncGenerator<Pick<ImageListRow, F | 'uuid'>[]> {
  const read = [...new Set([...fields, 'uuid' as const])]
  let after = first
  for (let left = most; left > 0; ) {
    const limit = Math.min(left, PAGE)
    const rows: Pick<ImageListRow, F | 'uuid'>[] = []
    for await (const some of IMAGES.stream(database, selection, { order, after, limit }, read)) rows.push(...some)
    if (rows.length > 0) yield rows
    if (rows.length < limit) return
    left -= rows.length
    after = (await lastPosition(database, order, rows)) ?? after
  }
}

/** Returns the position of the last row that is still there: rows after it may have been purged since they were read. */
async function lastPosition(database: Database, order: Page<SortKey>['order'], rows: readonly { uuid: string }[]) {
  for (const { uuid } of rows.toReversed()) {
    const position = await IMAGES.positionOf(database, order, uuid)
    if (position !== undefined) return position
  }
  return undefined
}
