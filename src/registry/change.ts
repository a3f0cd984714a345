/** A column value as the table stores it: times and YAML are text. */
export type ColumnValue = string | number | bigint | null

/** A row that a dry run would insert, update or delete. */
export interface RowChange {
  action: 'insert' | 'update' | 'delete'
  table: string
  /** The canonical ID of the object that the row represents or describes. */
  id: string
  /**
   * All columns with their new values, or with the current ones for a delete. Omits
   * the integer ID of a new row, which is not known yet.
   */
  row: Record<string, ColumnValue>
  /** For an update, the current values of the columns that would change; otherwise null. */
  old: Record<string, ColumnValue> | null
}

/** A file that would be created. */
export interface FileChange {
  action: 'create'
  path: string
  /** The format's name in QEMU. */
  file_format: string
}

/** A file that would be downloaded, and then registered. */
interface FileDownload {
  action: 'download'
  path: string
  /** Where from, without credentials, and its size. */
  what: string
  /** Its size in bytes, for people; undefined if it is not known. */
  bytes?: number
}

/** A file that would be removed. */
interface FileRemoval {
  action: 'remove'
  path: string
  /** The bytes that its removal frees, for people. */
  bytes?: number
}

/** A schema migration that would run. */
interface MigrationChange {
  action: 'migrate'
  id: string
}

/** A file in a guest that would be changed. */
export interface GuestChange {
  action: 'remove' | 'write' | 'link'
  /** In the guest, for people. */
  path: string
  /** The check that asks for it. */
  check: string
  /** What is done, if the path does not say so. */
  what: string | null
}

/** One change that a dry run would make. */
export type Change = RowChange | FileChange | FileDownload | FileRemoval | MigrationChange | GuestChange
