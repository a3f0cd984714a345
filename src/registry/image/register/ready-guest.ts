import { VdcError } from '../../../core/errors.ts'
import { shellWord } from '../../../core/shell-word.ts'
import { type ImageFile, requireUnchanged } from '../../../disk/file/image-file.ts'
import type { TargetFormat } from '../../../disk/inspect/file-formats.ts'
import type { Change } from '../../change.ts'
import type { Watcher } from '../../registry.ts'
import type { CheckCounts } from '../../rules/check-labels.ts'
import { PREPARED_FORMATS } from '../../rules/values.ts'
import type { GuestReport } from '../check/look-into-guest.ts'
import type { Preparing } from '../prepare/prepare-guest.ts'
import type { AcceptedImage } from './accept-file.ts'

/**
 * Returns the format of a prepared copy.
 *
 * @param convert the format that is asked for; undefined for the usual one.
 * @throws VdcError VALUE_REFUSED.
 */
export function preparedFormat(convert: string | undefined): TargetFormat {
  const format = PREPARED_FORMATS.find((each) => each === (convert ?? 'qcow2'))
  if (format !== undefined) return format
  throw new VdcError('VALUE_REFUSED', `A prepared image cannot be ${convert}`, {
    hint: `Convert to one of: ${PREPARED_FORMATS.join(', ')}`,
  })
}

/**
 * Prepares the guest in a new file that is to be registered.
 *
 * @param source path of the file that it was made from.
 * @returns the summary of the check after that.
 * @throws VdcError GUEST_NOT_READY if it is still not ready; the errors of `prepareGuest`.
 */
export async function prepareNewGuest(
  made: ImageFile,
  format: string,
  source: string,
  watcher: Watcher,
): Promise<CheckCounts> {
  const { prepareGuest } = await import('../prepare/prepare-guest.ts')
  const { guest } = await prepareGuest(made, format, source, await preparing(watcher))
  return requireReady(guest, source)
}

/**
 * Finds out what `prepareNewGuest` would change in a copy of a file, for a dry run.
 *
 * @throws VdcError as `prepareNewGuest`; FILE_REFUSED if the file is packed.
 */
export async function tryPrepareNewGuest(
  file: ImageFile,
  image: AcceptedImage,
  watcher: Watcher,
): Promise<{ edits: readonly Change[]; check: CheckCounts }> {
  const { tryPrepareGuest } = await import('../prepare/prepare-guest.ts')
  const { edits, guest } = await tryPrepareGuest(file, image, file.path, await preparing(watcher))
  return { edits, check: requireReady(guest, file.path) }
}

async function preparing(watcher: Watcher): Promise<Preparing> {
  const { chosenChecks } = await import('../check/chosen-checks.ts')
  const options = { nameservers: [], init: 'auto', keepKeys: false, timezone: undefined } as const
  return { checks: chosenChecks(undefined), strict: false, watcher, tell: async () => {}, accel: 'auto', options }
}

function requireReady(report: GuestReport, source: string): CheckCounts {
  if (report.ready) return report
  throw new VdcError('GUEST_NOT_READY', `The guest in ${source} is not ready when prepared: ${whyNotReady(report)}`, {
    hint: `List what is left to do with: vdc-manage image prepare ${shellWord(source)} OUT.qcow2 --dry-run`,
  })
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
