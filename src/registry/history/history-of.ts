import { objectAt, objectHistory } from '../backup-object/history.ts'
import { imageAt, imageHistory } from '../image/history.ts'
import type { Registry } from '../registry.ts'
import { prefixOf } from '../rules/identifiers.ts'
import { eventsOf, type HistoryEvent } from './events.ts'
import type { HistoryEntry } from './history.ts'

/**
 * Reads the history of the columns of an image or a backup object; oldest entry first.
 *
 * @param id an image's ID, with or without prefix, or a backup object's ID with its prefix.
 * @throws VdcError VALUE_REFUSED if the ID is not valid; IMAGE_NOT_FOUND or OBJECT_NOT_FOUND
 *   if it never existed.
 */
export async function historyOf(registry: Registry, id: string): Promise<HistoryEntry[]> {
  return isObject(id) ? objectHistory(registry, id) : imageHistory(registry, id, { labels: false })
}

/**
 * Reads what happened to an image or a backup object, also to its labels and protection; oldest event first.
 *
 * @param id, @throws as `historyOf`.
 */
export async function eventsIn(registry: Registry, id: string): Promise<HistoryEvent[]> {
  const entries = await (isObject(id) ? objectHistory(registry, id) : imageHistory(registry, id, { labels: true }))
  return eventsOf(registry.database.knex, entries)
}

/**
 * Reads an image or a backup object as it was at a given time.
 *
 * @param id an ID in the form that `historyOf` accepts.
 * @param at a time in a form that `parseTime` accepts.
 * @throws VdcError VALUE_REFUSED if the ID or the time is not valid; IMAGE_NOT_FOUND or
 *   OBJECT_NOT_FOUND if it does not exist or did not exist yet; HISTORY_UNKNOWN if its
 *   history begins later.
 */
export async function historyAt(registry: Registry, id: string, at: string): Promise<object> {
  return isObject(id) ? objectAt(registry, id, at) : imageAt(registry, id, at)
}

function isObject(id: string): boolean {
  return id.startsWith(prefixOf('backupObject'))
}
