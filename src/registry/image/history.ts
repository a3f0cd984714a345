import type { ImageRow } from '../../db/tables/rows.ts'
import { type HistoryEntry, readHistory, readWholeHistory, stateAt } from '../history/history.ts'
import type { Registry } from '../registry.ts'
import { canonicalId, parseId } from '../rules/identifiers.ts'
import { existedAt, parseTime } from '../rules/times.ts'
import { type ImageAttributes, presentImage } from './details.ts'
import { existingImage } from './find.ts'

/**
 * Reads the history of an image, which may be purged; oldest entry first.
 *
 * @param id with or without prefix.
 * @param options.labels include the changes of labels and protection (label-history.ts).
 * @throws VdcError VALUE_REFUSED if the ID is not valid; IMAGE_NOT_FOUND if the image never existed.
 */
export async function imageHistory(
  registry: Registry,
  id: string,
  options: { labels: boolean },
): Promise<HistoryEntry[]> {
  const uuid = parseId('image', id)
  const read = options.labels ? readWholeHistory : readHistory
  const entries = await read(registry.database.knex, canonicalId('image', uuid))
  if (entries.length === 0) await existingImage(registry.database.knex, uuid)
  return entries
}

/**
 * Reads an image as it was at a given time.
 *
 * @param id with or without prefix.
 * @param at a time in a form that `parseTime` accepts.
 * @throws VdcError VALUE_REFUSED if the ID or the time is not valid; IMAGE_NOT_FOUND if the
 *   image does not exist or did not exist yet; HISTORY_UNKNOWN if its history begins later.
 */
export async function imageAt(registry: Registry, id: string, at: string): Promise<ImageAttributes> {
  const uuid = parseId('image', id)
  const time = parseTime('at', at, new Date())
  const row = await existingImage(registry.database.knex, uuid)
  existedAt(canonicalId('image', uuid), row.created_at, time, 'IMAGE_NOT_FOUND')
  const entries = await readHistory(registry.database.knex, canonicalId('image', uuid))
  return presentImage(registry, stateAt<ImageRow>(canonicalId('image', uuid), row, entries, time))
}
