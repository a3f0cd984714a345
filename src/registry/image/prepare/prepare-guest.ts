import type { Appliance } from '../../../guest/appliance/appliance.ts'
import type { PrepareOptions } from '../../../guest/prepare/edit.ts'
import { type PlannedEdit, planEdits } from '../../../guest/prepare/plan-edits.ts'
import { shown } from '../../../guest/tree/guest-path.ts'
import type { GuestChange } from '../../change.ts'
import { type Checking, checkGuest, type GuestReport } from '../check/look-into-guest.ts'

/** What was changed in a guest, and the check after that. */
export interface PreparedGuest {
  edits: GuestChange[]
  guest: GuestReport
}

/**
 * Remedies what checks find in the guest of a running virtual machine, and checks it again. Writes nothing if
 * there is nothing to do.
 *
 * @param name what the guest is called in the report.
 * @throws VdcError GUEST_NOT_READY, VALUE_REFUSED, FILE_NOT_WRITTEN; the error of the cancellation.
 */
export async function prepareGuest(
  appliance: Appliance,
  name: string,
  checking: Checking,
  options: PrepareOptions,
): Promise<PreparedGuest> {
  const source = await appliance.look()
  const { edits } = await planEdits(source, checking.checks, options, checking.watcher.cancellation)
  if (edits.length > 0) await appliance.edit(edits)
  const result = { ...(edits.length > 0 ? await appliance.look() : source), keepsKeys: options.keepKeys }
  const guest = await checkGuest(name, result, checking)
  return { edits: edits.map(changeOf), guest }
}

/**
 * Returns what `prepareGuest` would change.
 *
 * @throws VdcError as `prepareGuest`.
 */
export async function tryPrepareGuest(
  appliance: Appliance,
  { checks, watcher }: Checking,
  options: PrepareOptions,
): Promise<GuestChange[]> {
  const { edits } = await planEdits(await appliance.look(), checks, options, watcher.cancellation)
  return edits.map(changeOf)
}

function changeOf({ action, path, check, what }: PlannedEdit): GuestChange {
  return { action, path: shown(path), check, what: what ?? null }
}
