import type { HistoryEntry } from '../../../registry/history/history.ts'
import type { Column } from '../columns.ts'

/** What the history of a thing shows: when which attribute became what. */
export const HISTORY_COLUMNS: Column<HistoryEntry>[] = [
  { name: 'created_at', header: 'TIME' },
  { name: 'attr', header: 'ATTRIBUTE', isText: true },
  { name: 'value', isText: true },
]

/** And that of several things, of which. */
export const HISTORIES_COLUMNS: Column<HistoryEntry>[] = [{ name: 'id' }, ...HISTORY_COLUMNS]
