import { VdcError } from '../../../core/errors.ts'
import { shellWord } from '../../../core/shell-word.ts'
import type { Inspection } from '../../../disk/inspect/inspection.ts'
import { DEFAULT_CONTAINER_FORMAT } from '../../rules/values.ts'

/**
 * Refuses a packed file, because neither libguestfs nor QEMU can read it.
 *
 * @param hint the way out; default: the command that unpacks it.
 * @param purpose ends the sentence that says that it must be unpacked.
 * @throws VdcError FILE_REFUSED.
 */
export function requireUnpacked(
  { containerFormat }: Inspection,
  path: string,
  hint = `Unpack it with: vdc-manage image convert ${shellWord(path)} OUT.qcow2 --to qcow2`,
  purpose = 'to look inside',
): void {
  if (containerFormat === DEFAULT_CONTAINER_FORMAT) return
  const message = `The file ${path} is packed (${containerFormat}), and must be unpacked ${purpose}`
  throw new VdcError('FILE_REFUSED', message, { hint })
}
