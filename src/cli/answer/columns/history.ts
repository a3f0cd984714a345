import type { HistoryEvent } from '../../../registry/history/events.ts'
import type { HistoryEntry } from '../../../registry/history/history.ts'
import type { Column } from '../columns.ts'
import { changesIn } from '../views/history-event.ts'

/** The columns of the rows of one history. */
export const HISTORY_COLUMNS: Column<HistoryEntry>[] = [
  { name: 'created_at', header: 'TIME' },
  { name: 'attr', header: 'ATTRIBUTE', isText: true },
  { name: 'value', isText: true },
]

/** The columns of the rows of several histories. */
export const HISTORIES_COLUMNS: Column<HistoryEntry>[] = [{ name: 'id' }, ...HISTORY_COLUMNS]

/** The columns of events. */
export const EVENT_COLUMNS: Column<HistoryEvent>[] = [
  { name: 'created_at', header: 'TIME' },
  { name: 'event' },
  { name: 'changes', cell: changesIn, isText: true },
]

/** The columns of the events of several. */
export const EVENTS_COLUMNS: Column<HistoryEvent>[] = [{ name: 'id' }, ...EVENT_COLUMNS]
