import type { ImageFile } from '../../../disk/file/image-file.ts'
import { withAppliance } from '../../../guest/appliance/appliance.ts'
import type { Acceleration } from '../../../guest/appliance/session.ts'
import type { PrepareOptions } from '../../../guest/prepare/edit.ts'
import { type PlannedEdit, planEdits } from '../../../guest/prepare/plan-edits.ts'
import { shown } from '../../../guest/tree/guest-path.ts'
import type { GuestChange } from '../../change.ts'
import { type Checking, checkGuest, type GuestReport } from '../check/look-into-guest.ts'
import { requireUnpacked } from '../check/require-unpacked.ts'
import type { AcceptedImage } from '../register/accept-file.ts'

/** How a guest is prepared. */
export interface Preparing extends Checking {
  accel: Acceleration
  options: PrepareOptions
}

/** What was changed in a guest, and the check after that. */
export interface PreparedGuest {
  edits: GuestChange[]
  guest: GuestReport
}

/**
 * Remedies what checks find in the guest of a disk image, and checks it again. Writes nothing if there is
 * nothing to do.
 *
 * @param made a new disk image, which is open for writing.
 * @param name what the guest is called in the report.
 * @throws VdcError GUEST_NOT_READY if it is not a single Linux system, VALUE_REFUSED, FILE_NOT_WRITTEN,
 *   APPLIANCE_FAILED, INTERRUPTED, TERMINATED.
 */
export async function prepareGuest(
  made: ImageFile,
  format: string,
  name: string,
  { accel, options, ...checking }: Preparing,
): Promise<PreparedGuest> {
  const { watcher, checks } = checking
  const disk = { fd: made.handle.fd, format, isWritable: true }
  return withAppliance(disk, accel, watcher, async (appliance) => {
    const source = await appliance.look()
    const { edits } = await planEdits(source, checks, options, watcher.cancellation)
    if (edits.length > 0) await appliance.edit(edits)
    const result = { ...(edits.length > 0 ? await appliance.look() : source), keepsKeys: options.keepKeys }
    const guest = await checkGuest(name, result, checking)
    await appliance.requireRunning()
    return { edits: edits.map(changeOf), guest }
  })
}

/**
 * Returns what `prepareGuest` would change in a copy of a file, and what the check would say after that.
 *
 * @throws VdcError as `prepareGuest`; FILE_REFUSED if the file is packed.
 */
export async function tryPrepareGuest(
  file: ImageFile,
  image: AcceptedImage,
  name: string,
  { accel, options, ...checking }: Preparing,
): Promise<PreparedGuest> {
  requireUnpacked(image, file.path)
  const disk = { fd: file.handle.fd, format: image.fileFormat, isWritable: false }
  return withAppliance(disk, accel, checking.watcher, async (appliance) => {
    const source = await appliance.look()
    const { edits, edited } = await planEdits(source, checking.checks, options, checking.watcher.cancellation)
    const result = { ...edited, keepsKeys: options.keepKeys }
    const guest = await checkGuest(name, result, checking)
    await appliance.requireRunning()
    return { edits: edits.map(changeOf), guest }
  })
}

/** Returns an edit for people. */
export function changeOf({
  action,
  path,
  check,
  what,
}: Pick<PlannedEdit, 'action' | 'path' | 'check'> & { what?: string | undefined }): GuestChange {
  return { action, path: shown(path), check, what: what ?? null }
}
