import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import { wasMeant } from '../../../core/nearest.ts'
import { shellWord } from '../../../core/shell-word.ts'
import type { ImageFile } from '../../../disk/file/image-file.ts'
import { inspectImage } from '../../../disk/inspect/inspect-image.ts'
import { requireAcceptable } from '../../../disk/inspect/inspection.ts'
import { ACCELERATIONS, type Acceleration, withAppliance } from '../../../guest/appliance/appliance.ts'
import type { GuestCheck } from '../../../guest/checks/check.ts'
import { CHECK_NAMES, CHECKS, groupOf } from '../../../guest/checks/index.ts'
import { type GuestSource, runChecks } from '../../../guest/run-checks.ts'
import { FolderTree } from '../../../guest/tree/folder-tree.ts'
import type { Watcher } from '../../registry.ts'
import type { checkReport, checkSummary, guestReport } from '../../results/guest.ts'
import { oneOf } from '../../rules/texts.ts'
import { validate } from '../../rules/validate.ts'
import { withImageFile } from '../register/accept-file.ts'

export { ACCELERATIONS } from '../../../guest/appliance/appliance.ts'
export { CHECK_NAMES } from '../../../guest/checks/index.ts'

const checkRequest = z.object({
  paths: z.prefault(z.array(z.string()), []),
  root: z.optional(z.string()),
  accel: z.prefault(oneOf(ACCELERATIONS), 'auto'),
  only: z.optional(z.array(z.string())),
  skip: z.optional(z.array(z.string())),
  strict: z.prefault(z.boolean(), false),
})

/**
 * The request of `checkGuests`: disk images or a folder, the checks to run by ID or group, and whether
 * warnings count.
 */
export type CheckRequest = z.input<typeof checkRequest>
/** The result of one check of a guest. */
export type CheckReport = z.output<typeof checkReport>
/** What is checked, and how. */
export interface Checking {
  checks: readonly GuestCheck[]
  strict: boolean
  watcher: Watcher
  tell: (report: CheckReport) => Promise<unknown>
}
/** All checks of one guest. */
export type GuestReport = z.output<typeof guestReport>
/** The results of all guests. */
export type CheckSummary = z.output<typeof checkSummary>

/**
 * Checks whether guests are ready for the cloud. Writes nothing.
 *
 * @param tell called after each check.
 * @throws VdcError VALUE_REFUSED, FILE_REFUSED, QEMU_IMG_FAILED, APPLIANCE_FAILED, INTERRUPTED, TERMINATED.
 */
export async function checkGuests(
  request: CheckRequest,
  watcher: Watcher,
  tell: (report: CheckReport) => Promise<unknown>,
): Promise<CheckSummary> {
  const { paths, root, accel, only, skip, strict } = validate(checkRequest, request)
  const checking = { checks: chosenChecks(only, skip), strict, watcher, tell }
  const guests: GuestReport[] = []
  if (root !== undefined) guests.push(await checkFolder(root, checking))
  for (const path of paths)
    guests.push(await withImageFile(path, (file) => checkDisk(file, accel as Acceleration, checking)))
  return { ready: guests.every(({ ready }) => ready), guests }
}

async function checkFolder(root: string, checking: Checking): Promise<GuestReport> {
  const tree = await FolderTree.open(root)
  try {
    return await checkGuest(root, { tree, disk: undefined }, checking)
  } finally {
    await tree.close()
  }
}

async function checkDisk(file: ImageFile, accel: Acceleration, checking: Checking): Promise<GuestReport> {
  const { watcher } = checking
  const inspection = await inspectImage(file, {}, watcher)
  requireAcceptable(inspection, file.path)
  const { containerFormat, fileFormat } = inspection
  if (containerFormat !== 'none' || fileFormat === undefined) {
    throw new VdcError(
      'FILE_REFUSED',
      `The file ${file.path} is packed (${containerFormat}), so nobody can look into it`,
      {
        hint: `Unpack it with: vdc-manage image convert ${shellWord(file.path)} OUT.qcow2`,
      },
    )
  }
  const image = { fd: file.handle.fd, format: fileFormat, isWritable: false }
  return withAppliance(image, accel, watcher, async (appliance) =>
    checkGuest(file.path, await appliance.look(), checking),
  )
}

/**
 * Checks one guest.
 *
 * @param guest what it is called in the report.
 */
export async function checkGuest(
  guest: string,
  source: GuestSource,
  { checks, strict, watcher, tell }: Checking,
): Promise<GuestReport> {
  const reports: CheckReport[] = []
  let isBlocked = false
  const system = await runChecks(source, checks, watcher.cancellation, async ({ isBlocked: blocks, ...report }) => {
    const named = { guest, ...report }
    isBlocked ||= blocks
    reports.push(named)
    await tell(named)
  })
  const count = (result: CheckReport['result']) => reports.filter((report) => report.result === result).length
  const [errors, warnings, notes, unknown] = [count('error'), count('warning'), count('note'), count('unknown')]
  return {
    guest,
    ready: system?.kind === 'linux' && !isBlocked && errors === 0 && (!strict || warnings === 0),
    errors,
    warnings,
    notes,
    unknown,
    system: system === undefined ? null : withoutFolders(system),
    checks: reports,
  }
}

function withoutFolders({
  folders: _,
  ...system
}: NonNullable<GuestReport['system']> & { folders: unknown }): GuestReport['system'] {
  return system
}

/**
 * Returns the checks with the given IDs or of the given groups, in the order of reports.
 *
 * @param only undefined for all.
 * @throws VdcError VALUE_REFUSED if there is no such check, or no check is left.
 */
export function chosenChecks(only: readonly string[] | undefined, skip: readonly string[] = []): readonly GuestCheck[] {
  for (const [field, names] of Object.entries({ only, skip })) for (const name of names ?? []) requireCheck(field, name)
  const isNamed = ({ id }: GuestCheck, names: readonly string[]) => names.includes(id) || names.includes(groupOf(id))
  const checks = CHECKS.filter((check) => (only === undefined || isNamed(check, only)) && !isNamed(check, skip))
  if (checks.length === 0) throw new VdcError('VALUE_REFUSED', 'skip leaves no check to run')
  return checks
}

function requireCheck(field: string, name: string): void {
  if (CHECK_NAMES.includes(name)) return
  const groups = CHECK_NAMES.filter((each) => !each.includes('.'))
  throw new VdcError('VALUE_REFUSED', `${field} '${name}' is neither a check nor a group of checks`, {
    hint: `${wasMeant(name, CHECK_NAMES)}Groups: ${groups.join(', ')}; checks: ${CHECKS.map(({ id }) => id).join(', ')}`,
  })
}
