import type { ImageRow } from '../../db/tables/rows.ts'
import { type HistoryEntry, readHistory, readWholeHistory, stateAt } from '../history/history.ts'
import { byIdOrName } from '../names/by-id-or-name.ts'
import type { Registry } from '../registry.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { existedAt, parseTime } from '../rules/times.ts'
import { type ImageAttributes, presentImage } from './details.ts'
import { existingImage } from './find.ts'

/**
 * Reads the history of an image, which may be purged; oldest entry first.
 *
 * @param id with or without prefix, or a display name.
 * @param options.labels include the changes of labels and protection (label-history.ts).
 * @throws VdcError VALUE_REFUSED if the ID is not valid; IMAGE_NOT_FOUND if the image never existed.
 */
export async function imageHistory(
  registry: Registry,
  id: string,
  options: { labels: boolean },
): Promise<HistoryEntry[]> {
  const { knex } = registry.database
  const read = options.labels ? readWholeHistory : readHistory
  return byIdOrName(knex, 'image', id, async (uuid) => {
    const entries = await read(knex, canonicalId('image', uuid))
    if (entries.length === 0) await existingImage(knex, uuid)
    return entries
  })
}

/**
 * Reads an image as it was at a given time.
 *
 * @param id with or without prefix, or a display name.
 * @param at a time in a form that `parseTime` accepts.
 * @throws VdcError VALUE_REFUSED if the ID or the time is not valid; IMAGE_NOT_FOUND if the
 *   image does not exist or did not exist yet; HISTORY_UNKNOWN if its history begins later.
 */
export async function imageAt(registry: Registry, id: string, at: string): Promise<ImageAttributes> {
  const { knex } = registry.database
  const time = parseTime('at', at, new Date())
  const row = await byIdOrName(knex, 'image', id, (uuid) => existingImage(knex, uuid))
  const canonical = canonicalId('image', row.uuid)
  existedAt(canonical, row.created_at, time, 'IMAGE_NOT_FOUND')
  return presentImage(registry, stateAt<ImageRow>(canonical, row, await readHistory(knex, canonical), time))
}
