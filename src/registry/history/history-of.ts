import { objectAt, objectHistory } from '../backup-object/history.ts'
import { imageAt, imageHistory } from '../image/history.ts'
import type { Registry } from '../registry.ts'
import { prefixOf } from '../rules/identifiers.ts'
import type { HistoryEntry } from './history.ts'

/**
 * Reads what became of an image or a backup object; the newest change is the last.
 *
 * @param id of an image, with or without prefix; of a backup object, with its prefix.
 * @throws VdcError VALUE_REFUSED, IMAGE_NOT_FOUND, OBJECT_NOT_FOUND.
 */
export async function historyOf(registry: Registry, id: string): Promise<HistoryEntry[]> {
  return isObject(id) ? objectHistory(registry, id) : imageHistory(registry, id)
}

/**
 * Shows an image or a backup object as it was at a time.
 *
 * @param id as in `historyOf`.
 * @param at a time as people type it (`parseTime`).
 * @throws VdcError VALUE_REFUSED; IMAGE_NOT_FOUND, OBJECT_NOT_FOUND, also when it was not there yet; HISTORY_UNKNOWN.
 */
export async function historyAt(registry: Registry, id: string, at: string): Promise<object> {
  return isObject(id) ? objectAt(registry, id, at) : imageAt(registry, id, at)
}

function isObject(id: string): boolean {
  return id.startsWith(prefixOf('backupObject'))
}
