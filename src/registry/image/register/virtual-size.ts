import type { Int64 } from '../../../db/tables/rows.ts'
import { type Exact, exactInteger } from '../../rules/int64.ts'
import { VIRTUAL_SIZE_LABEL } from '../../rules/values.ts'

/**
 * The size in bytes of the disk that an image holds: what was measured at its
 * registration; for a raw image without that, the size of the unpacked file,
 * which is the disk itself; else null, as nobody knows.
 *
 * @param size `backup_objects.size`.
 * @param labels of the backup object.
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
