import type { Int64 } from '../../../db/tables/rows.ts'
import { type Exact, exactInteger } from '../../rules/int64.ts'
import { VIRTUAL_SIZE_LABEL } from '../../rules/values.ts'

/**
 * Returns the virtual size of an image in bytes: the size measured at its registration;
 * for a raw image without one, the size of the unpacked file, which is the disk itself;
 * otherwise null for unknown.
 *
 * @param size value of `backup_objects.size`.
 * @param labels labels of the backup object.
 */
export function virtualSizeOf(
  fileFormat: string,
  size: Int64 | null | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): Exact | null {
  const label = labels?.[VIRTUAL_SIZE_LABEL]
  if (label !== undefined && /^\d+$/.test(label)) return exactInteger(label)
  return fileFormat === 'raw' && size != null ? exactInteger(size) : null
}
