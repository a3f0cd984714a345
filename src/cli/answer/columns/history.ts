import type { HistoryEntry } from '../../../registry/history/history.ts'
import type { Column } from '../columns.ts'

/** The columns of the history of one image or backup object. */
export const HISTORY_COLUMNS: Column<HistoryEntry>[] = [
  { name: 'created_at', header: 'TIME' },
  { name: 'attr', header: 'ATTRIBUTE', isText: true },
  { name: 'value', isText: true },
]

/** The columns of the histories of several. */
export const HISTORIES_COLUMNS: Column<HistoryEntry>[] = [{ name: 'id' }, ...HISTORY_COLUMNS]
