import type { HistoryEntry } from './history.ts'
import { LABEL, labelIn, PROTECTED } from './label-history.ts'

/** Attributes that only a creation records. */
const OF_CREATION: readonly string[] = ['id', 'uuid', 'created_at']
/** Number of groups, from the last one, to which an entry may still belong. */
const OPEN = 4

/** Returns true if entries record a creation. */
export function isCreation(entries: readonly HistoryEntry[]): boolean {
  return entries.some(({ attr }) => OF_CREATION.includes(attr))
}

/**
 * Groups the entries of a history by event. All entries of an event have one time, and a change ends with
 * `updated_at` (dcmgr.md, "History"); two changes may have the same time. On a cluster, the entries of two
 * hosts may alternate.
 */
export function groupByEvent(entries: readonly HistoryEntry[]): HistoryEntry[][] {
  const groups: HistoryEntry[][] = []
  for (const entry of entries) {
    const isAlike = ([first]: readonly HistoryEntry[]) =>
      first?.created_at === entry.created_at && kindOf(first) === kindOf(entry)
    const group = groups.slice(-OPEN).findLast(isAlike)
    if (group !== undefined && belongs(entry, group)) group.push(entry)
    else groups.push([entry])
  }
  return groups
}

function kindOf({ attr }: HistoryEntry): string {
  return attr === LABEL || attr === PROTECTED ? attr : 'column'
}

function nameIn(text: string | null): string {
  return labelIn(text ?? '').name
}

function belongs(entry: HistoryEntry, group: readonly HistoryEntry[]): boolean {
  switch (kindOf(entry)) {
    case PROTECTED:
      return false
    case LABEL:
      return !group.some(({ value }) => nameIn(value) === nameIn(entry.value))
    default:
      if (group.some(({ attr }) => attr === entry.attr)) return false
      return isCreation(group) || group.at(-1)?.attr !== 'updated_at'
  }
}
