import type { StoredFile } from '../../backup-object/stored-file.ts'
import type { Change } from '../../change.ts'
import { withDryRun } from '../../dry-run.ts'
import type { Registry } from '../../registry.ts'
import { DEFAULT_CONTAINER_FORMAT, MD5_LABEL, SHA256_LABEL } from '../../rules/values.ts'

/** Columns and labels of a backup object that are unknown until its file exists. */
const UNKNOWN: readonly unknown[] = ['size', 'allocation_size', 'checksum', MD5_LABEL, SHA256_LABEL]

/** Returns the properties of a file that a dry run does not create, with placeholders for unknown ones. */
export function unmadeFile(path: string, uri: string, virtualSize: number): StoredFile {
  return {
    path,
    opened: undefined,
    uri,
    virtualSize,
    containerFormat: DEFAULT_CONTAINER_FORMAT,
    size: 0,
    unpackedSize: 0,
    md5: '',
    sha256: '',
  }
}

/** Returns the same dry run, but one that reports null instead of the placeholders of `unmadeFile`. */
export function withUnknowns(registry: Registry): Registry {
  return withDryRun(registry, (change) => registry.onChange?.(withoutStandIns(change)))
}

function withoutStandIns(change: Change): Change {
  if (change.action !== 'insert') return change
  const row = { ...change.row }
  if (change.table === 'backup_objects')
    for (const column of UNKNOWN) if (String(column) in row) row[String(column)] = null
  if (UNKNOWN.includes(row.attr)) row.vchar_value = null
  if (UNKNOWN.includes(row.name)) row.string_value = null
  return { ...change, row }
}
