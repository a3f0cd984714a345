import type * as z from 'zod/mini'
import type { ImageFile } from '../../../disk/file/image-file.ts'
import { withAppliance } from '../../../guest/appliance/appliance.ts'
import type { Acceleration } from '../../../guest/appliance/session.ts'
import type { GuestCheck } from '../../../guest/checks/check.ts'
import { type CheckReport as GuestCheckReport, type GuestSource, runChecks } from '../../../guest/run-checks.ts'
import type { GuestSystem } from '../../../guest/system.ts'
import { FolderTree } from '../../../guest/tree/folder-tree.ts'
import type { Watcher } from '../../registry.ts'
import type { checkReport, guestReport } from '../../results/guest.ts'
import type { AcceptedImage } from '../register/accept-file.ts'
import { requireUnpacked } from './require-unpacked.ts'

/** The result of one check of a guest. */
export type CheckReport = z.output<typeof checkReport>
/** All checks of one guest. */
export type GuestReport = z.output<typeof guestReport>

/** What is checked, and how. */
export interface Checking {
  checks: readonly GuestCheck[]
  /** Warnings count, too. */
  strict: boolean
  watcher: Watcher
  /** Called after each check. */
  tell: (report: CheckReport) => Promise<unknown>
}

/**
 * Checks the guest that is unpacked in a folder.
 *
 * @throws VdcError VALUE_REFUSED if it is no folder; INTERRUPTED, TERMINATED.
 */
export async function lookIntoFolder(root: string, checking: Checking): Promise<GuestReport> {
  const tree = await FolderTree.open(root)
  try {
    return await checkGuest(root, { tree, disk: undefined }, checking)
  } finally {
    await tree.close()
  }
}

/**
 * Checks the guest in an open disk image.
 *
 * @param guest what it is called in the report.
 * @throws VdcError FILE_REFUSED if it is packed; APPLIANCE_FAILED, INTERRUPTED, TERMINATED.
 */
export async function lookIntoImage(
  guest: string,
  file: ImageFile,
  image: AcceptedImage,
  accel: Acceleration,
  checking: Checking,
): Promise<GuestReport> {
  requireUnpacked(image, file.path)
  const disk = { fd: file.handle.fd, format: image.fileFormat, isWritable: false }
  return withAppliance(disk, accel, checking.watcher, async (appliance) =>
    checkGuest(guest, await appliance.look(), checking),
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
  const reports: GuestCheckReport[] = []
  const system = await runChecks(source, checks, watcher.cancellation, async (report) => {
    reports.push(report)
    await tell(named(guest, report))
  })
  return guestReportOf(guest, system, reports, strict)
}

/**
 * Returns the report on a guest whose checks were run.
 *
 * @param guest what it is called in the report.
 * @param strict whether warnings count, too.
 */
export function guestReportOf(
  guest: string,
  system: GuestSystem | undefined,
  reports: readonly GuestCheckReport[],
  strict: boolean,
): GuestReport {
  const count = (result: CheckReport['result']) => reports.filter((report) => report.result === result).length
  const [errors, warnings, notes, unknown] = [count('error'), count('warning'), count('note'), count('unknown')]
  const isBlocked = reports.some((report) => report.isBlocked)
  return {
    guest,
    ready: system?.kind === 'linux' && !isBlocked && errors === 0 && (!strict || warnings === 0),
    errors,
    warnings,
    notes,
    unknown,
    system: system === undefined ? null : withoutFolders(system),
    checks: reports.map((report) => named(guest, report)),
  }
}

function named(guest: string, { isBlocked: _, ...report }: GuestCheckReport): CheckReport {
  return { guest, ...report }
}

function withoutFolders({ folders: _, ...system }: GuestSystem): GuestReport['system'] {
  return system
}
