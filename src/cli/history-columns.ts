import type { HistoryEntry } from '../registry/history.ts'
import type { Column } from './table.ts'

/** What a history shows: when which attribute became what. */
export const HISTORY_COLUMNS: Column<HistoryEntry>[] = [
  { header: 'TIME', cell: (entry) => entry.created_at },
  { header: 'ATTRIBUTE', cell: (entry) => entry.attr },
  { header: 'VALUE', cell: (entry) => entry.value },
]
