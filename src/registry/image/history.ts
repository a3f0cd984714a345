import type { ImageRow } from '../../db/tables/rows.ts'
import { type HistoryEntry, readHistory, stateAt } from '../history/history.ts'
import type { Registry } from '../registry.ts'
import { canonicalId, parseId } from '../rules/identifiers.ts'
import { existedAt, parseTime } from '../rules/times.ts'
import { type ImageAttributes, presentImage } from './details.ts'
import { existingImage } from './find.ts'

/**
 * Reads what became of an image, also of one that was purged; the newest change is the last.
 *
 * @param id with or without its prefix.
 * @throws VdcError VALUE_REFUSED, IMAGE_NOT_FOUND.
 */
export async function imageHistory(registry: Registry, id: string): Promise<HistoryEntry[]> {
  const uuid = parseId('image', id)
  const entries = await readHistory(registry.database.knex, canonicalId('image', uuid))
  if (entries.length === 0) await existingImage(registry.database.knex, uuid)
  return entries
}

/**
 * Shows an image as it was at a time.
 *
 * @param id with or without its prefix.
 * @param at a time as people type it (`parseTime`).
 * @throws VdcError VALUE_REFUSED, IMAGE_NOT_FOUND, also when it was not there yet; HISTORY_UNKNOWN when its history begins later.
 */
export async function imageAt(registry: Registry, id: string, at: string): Promise<ImageAttributes> {
  const uuid = parseId('image', id)
  const time = parseTime('at', at, new Date())
  const row = await existingImage(registry.database.knex, uuid)
  existedAt(canonicalId('image', uuid), row.created_at, time, 'IMAGE_NOT_FOUND')
  const entries = await readHistory(registry.database.knex, canonicalId('image', uuid))
  return presentImage(registry, stateAt<ImageRow>(canonicalId('image', uuid), row, entries, time))
}
