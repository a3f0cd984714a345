/** A value of a column in the form in which the table holds it: times and YAML are text. */
export type ColumnValue = string | number | bigint | null

/** What would become of a row. */
export interface RowChange {
  action: 'insert' | 'update' | 'delete'
  table: string
  /** The canonical id of the thing that the row is of, or says something about. */
  id: string
  /**
   * All columns as they would be, or of a row to be deleted are. A new row's own
   * integer id is left out, as it isn't known.
   */
  row: Record<string, ColumnValue>
  /** Of an update the columns that would change, as they are; else null. */
  old: Record<string, ColumnValue> | null
}

/** A file that would be made. */
export interface FileChange {
  action: 'create'
  path: string
  /** QEMU's name. */
  file_format: string
}

/** A file that would be removed. */
interface FileRemoval {
  action: 'remove'
  path: string
}

/** A step of the schema that would be made. */
interface MigrationChange {
  action: 'migrate'
  id: string
}

/** One thing that would be done. */
export type Change = RowChange | FileChange | FileRemoval | MigrationChange
