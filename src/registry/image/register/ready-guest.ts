import { VdcError } from '../../../core/errors.ts'
import { shellWord } from '../../../core/shell-word.ts'
import { type ImageFile, requireUnchanged } from '../../../disk/file/image-file.ts'
import type { Inspection } from '../../../disk/inspect/inspection.ts'
import type { Watcher } from '../../registry.ts'
import type { CheckCounts } from '../../rules/check-labels.ts'
import { DEFAULT_CONTAINER_FORMAT } from '../../rules/values.ts'
import type { GuestReport } from '../check/look-into-guest.ts'
import type { AcceptedImage } from './accept-file.ts'

/**
 * Refuses a packed file, whose guest cannot be checked, before any work is done.
 *
 * @throws VdcError FILE_REFUSED.
 */
export function requireUnpacked({ containerFormat }: Inspection, path: string): void {
  if (containerFormat === DEFAULT_CONTAINER_FORMAT) return
  throw new VdcError(
    'FILE_REFUSED',
    `The file ${path} is packed (${containerFormat}), so its guest cannot be checked`,
    {
      hint: 'Register an unpacked copy with --convert qcow2, or omit --check',
    },
  )
}

/**
 * Checks the guest in the file that is to be registered.
 *
 * @param path for errors: where users find this guest.
 * @returns the summary of the check.
 * @throws VdcError GUEST_NOT_READY; FILE_REFUSED if the file was changed meanwhile; APPLIANCE_FAILED,
 *   INTERRUPTED, TERMINATED.
 */
export async function requireReadyGuest(
  file: ImageFile,
  image: AcceptedImage,
  path: string,
  watcher: Watcher,
): Promise<CheckCounts> {
  // Loaded only here, because libguestfs is not needed to register a file.
  const [{ lookIntoImage }, { chosenChecks }] = await Promise.all([
    import('../check/look-into-guest.ts'),
    import('../check/chosen-checks.ts'),
  ])
  const checking = { checks: chosenChecks(undefined), strict: false, watcher, tell: async () => {} }
  const report = await lookIntoImage(path, file, image, 'auto', checking)
  if (!report.ready) {
    throw new VdcError('GUEST_NOT_READY', `The guest in ${path} is not ready for the cloud: ${whyNotReady(report)}`, {
      hint: `List what is wrong with: vdc-manage image check ${shellWord(path)}`,
    })
  }
  await requireUnchanged(file)
  return report
}

/** Says why a guest is not ready, which it can be without errors, too. */
function whyNotReady({ errors, system }: GuestReport): string {
  if (errors > 0) return errors === 1 ? '1 error' : `${errors} errors`
  return system?.kind === 'linux' ? 'a check could not read what it needs' : 'it is not a single Linux system'
}
