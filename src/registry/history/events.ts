import type * as z from 'zod/mini'
import type { Queryable } from '../../db/database.ts'
import { isoTime } from '../../db/sql/time.ts'
import type { historyEvent } from '../results/history.ts'
import { groupByEvent, isCreation } from './group.ts'
import type { HistoryEntry } from './history.ts'
import { LABEL, labelIn, PROTECTED } from './label-history.ts'
import { type Present, valuePresenter } from './values.ts'

/** What happened to an image or a backup object at one time. */
export type HistoryEvent = z.output<typeof historyEvent>
type Changes = HistoryEvent['changes']

/** Values by attribute, or by label name; null is NULL, or a label that does not exist. */
type State = Map<string, string | null>

/** Attributes that every event has, or no reader needs. */
const LEFT_OUT: readonly string[] = ['id', 'uuid', 'created_at', 'updated_at', PROTECTED]
/** Milliseconds between a creation and its entries, which are written by one host, above which it was an import. */
const IMPORTED = 60_000

/**
 * Returns what happened to an image or a backup object, oldest event first.
 *
 * @param entries its whole history (`readWholeHistory`).
 */
export async function eventsOf(db: Queryable, entries: readonly HistoryEntry[]): Promise<HistoryEvent[]> {
  const present = await valuePresenter(db, entries)
  const columns: State = new Map()
  const labels: State = new Map()
  const events: HistoryEvent[] = []
  for (const group of groupByEvent(entries)) {
    const [first] = group as [HistoryEntry, ...HistoryEntry[]]
    const wasDeleted = isDeleted(columns)
    const changes: Changes = []
    for (const entry of group) {
      if (entry.attr === LABEL) changes.push(labelChange(entry.value ?? '', labels))
      else changes.push(...(await columnChange(entry, columns, present)))
    }
    const event = kindOf(group, columns, wasDeleted)
    const shown = event === 'created' || event === 'imported' ? changes.filter(isFilled) : changes
    events.push({ id: first.id, created_at: first.created_at, event, changes: shown })
  }
  return events
}

/** Returns the change of a column, if the entry records one, and notes the new value. */
async function columnChange({ attr, value }: HistoryEntry, columns: State, present: Present): Promise<Changes> {
  const old = columns.get(attr)
  columns.set(attr, value)
  if (LEFT_OUT.includes(attr) || old === value) return []
  return [{ attr, ...(old !== undefined && { old: await present(attr, old) }), value: await present(attr, value) }]
}

function isFilled({ value }: Changes[number]): boolean {
  return value !== null && value !== ''
}

function labelChange(text: string, labels: State): Changes[number] {
  const { name, value } = labelIn(text)
  const old = labels.get(name)
  labels.set(name, value)
  return { attr: name, ...(old !== undefined && { old }), value }
}

function kindOf(group: readonly HistoryEntry[], now: State, wasDeleted: boolean): HistoryEvent['event'] {
  const told = new Map(group.map(({ attr, value }) => [attr, value]))
  if (told.has(LABEL)) return 'labelled'
  if (told.has(PROTECTED)) return told.get(PROTECTED) === '1' ? 'protected' : 'unprotected'
  if (isCreation(group)) return isImport(group, told.get('created_at')) ? 'imported' : 'created'
  if (typeof told.get('purged_at') === 'string') return 'purged'
  const isGone = isDeleted(now)
  if (isGone === wasDeleted) return 'changed'
  return isGone ? 'deleted' : 'restored'
}

/** The original can set only the state, without a time. */
function isDeleted(columns: State): boolean {
  return typeof columns.get('deleted_at') === 'string' || ['deleted', 'purged'].includes(columns.get('state') ?? '')
}

/** An import begins a history long after the creation. */
function isImport([first]: readonly HistoryEntry[], createdAt: string | null | undefined): boolean {
  if (first === undefined || typeof createdAt !== 'string') return false
  const between = Date.parse(first.created_at) - Date.parse(isoTime(createdAt))
  return between > IMPORTED
}
