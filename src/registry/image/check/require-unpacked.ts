import { VdcError } from '../../../core/errors.ts'
import { shellWord } from '../../../core/shell-word.ts'
import type { Inspection } from '../../../disk/inspect/inspection.ts'
import { DEFAULT_CONTAINER_FORMAT } from '../../rules/values.ts'

/**
 * Refuses a packed file, because libguestfs cannot look inside it.
 *
 * @param hint the way out; default: the command that unpacks it.
 * @throws VdcError FILE_REFUSED.
 */
export function requireUnpacked(
  { containerFormat }: Inspection,
  path: string,
  hint = `Unpack it with: vdc-manage image convert ${shellWord(path)} OUT.qcow2 --to qcow2`,
): void {
  if (containerFormat === DEFAULT_CONTAINER_FORMAT) return
  const message = `The file ${path} is packed (${containerFormat}), and must be unpacked to look inside`
  throw new VdcError('FILE_REFUSED', message, { hint })
}
