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
  const groups: Group[] = []
  for (const entry of entries) {
    const { created_at: time } = entry
    const kind = kindOf(entry)
    const what = kind === LABEL ? labelIn(entry.value ?? '').name : entry.attr
    const group = groups.slice(-OPEN).findLast((each) => each.time === time && each.kind === kind)
    if (group !== undefined && belongs(what, group)) {
      group.entries.push(entry)
      group.whats.add(what)
    } else groups.push({ time, kind, entries: [entry], whats: new Set([what]) })
  }
  return groups.map((group) => group.entries)
}

/** Entries that belong together. */
interface Group {
  time: string
  kind: string
  entries: HistoryEntry[]
  /** The attributes that the entries record, or the names of labels. */
  whats: Set<string>
}

function kindOf({ attr }: HistoryEntry): string {
  return attr === LABEL || attr === PROTECTED ? attr : 'column'
}

function belongs(what: string, { kind, entries, whats }: Group): boolean {
  if (kind === PROTECTED || whats.has(what)) return false
  if (kind === LABEL) return true
  return OF_CREATION.some((attr) => whats.has(attr)) || entries.at(-1)?.attr !== 'updated_at'
}
