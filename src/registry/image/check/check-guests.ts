import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import type { Expectation } from '../../../disk/inspect/inspection.ts'
import { ACCELERATIONS, type Acceleration } from '../../../guest/appliance/session.ts'
import { imagesAmong, type LookUp } from '../../names/images-among.ts'
import type { Registry, Watcher } from '../../registry.ts'
import type { checkSummary } from '../../results/guest.ts'
import { labelsOfCheck } from '../../rules/check-labels.ts'
import { oneOf } from '../../rules/texts.ts'
import { validate } from '../../rules/validate.ts'
import { acceptFile, withImageFile } from '../register/accept-file.ts'
import { readExpectations } from '../register/expectations.ts'
import { chosenChecks } from './chosen-checks.ts'
import { type Checking, type CheckReport, type GuestReport, lookIntoFolder, lookIntoImage } from './look-into-guest.ts'
import { imageOnHost, registeredAs, withFileOfImage } from './registered-guest.ts'
import { requireSavable, saveResult } from './save-result.ts'

export { ACCELERATIONS } from '../../../guest/appliance/session.ts'
export { CHECK_NAMES } from '../../../guest/checks/index.ts'
export type { CheckReport, GuestReport } from './look-into-guest.ts'

const checkRequest = z.object({
  guests: z.prefault(z.array(z.string()), []),
  root: z.optional(z.string()),
  accel: z.prefault(oneOf(ACCELERATIONS), 'auto'),
  ...readExpectations,
  only: z.optional(z.array(z.string())),
  skip: z.optional(z.array(z.string())),
  strict: z.prefault(z.boolean(), false),
  save: z.prefault(z.boolean(), false),
  force: z.prefault(z.boolean(), false),
})

/**
 * The request of `checkGuests`: disk image files and images by ID or name, or a folder; the checks to run by ID or
 * group; whether warnings count; what the files must be; whether to store the results with the images, even protected ones.
 */
export type CheckRequest = z.input<typeof checkRequest>
/** The results of all guests. */
export type CheckSummary = z.output<typeof checkSummary>

/** How `checkGuests` opens the registry, and reports. */
interface Surroundings {
  /** Called only if a guest is an image of the registry. */
  withRegistry: <T>(work: (registry: Registry) => Promise<T>) => Promise<T>
  /** Asks the registry for names of images. */
  lookUp: LookUp
  /** Called after each check. */
  tell: (report: CheckReport) => Promise<unknown>
  /** Called for each of several guests that cannot be checked. */
  fail: (error: VdcError) => Promise<unknown>
}

/** A guest as it is named, by ID, display name or path. */
interface Named {
  guest: string
  isId: boolean
}

/** Exit codes of errors about a single guest: refused, not found, or a conflict with its state. */
const ABOUT_ONE: readonly number[] = [3, 4, 5]

/**
 * Checks whether guests are ready for the cloud. Writes only labels of images, and only if asked to.
 *
 * @returns the reports, and the errors of those of several guests that could not be checked or saved.
 * @throws VdcError USAGE, VALUE_REFUSED; the error of a single guest; APPLIANCE_FAILED, QEMU_IMG_FAILED and
 *   errors of the database, which concern all guests; INTERRUPTED, TERMINATED.
 */
export async function checkGuests(
  request: CheckRequest,
  watcher: Watcher,
  { withRegistry, lookUp, tell, fail }: Surroundings,
): Promise<CheckSummary> {
  const { guests, root, only, skip, strict, file_format, max_size, ...options } = validate(checkRequest, request)
  const checking = { checks: chosenChecks(only, skip), strict, watcher, tell }
  const accel = options.accel as Acceleration
  const expected = { format: file_format, maxSize: max_size }
  if (root !== undefined) return summaryOf([await lookIntoFolder(root, checking)], [])
  const images = await imagesAmong(guests, lookUp)
  const named = [...new Set(guests)].map((guest) => ({ guest, isId: images.has(guest) }))
  if (options.save) requireIds(named)
  const checkAll = async (registry?: Registry) => {
    const reports: GuestReport[] = []
    const failures: CheckSummary['failures'] = []
    for (const { guest, isId } of named) {
      try {
        const report = isId
          ? checkImage(registry as Registry, guest, accel, checking, { ...options, expected })
          : checkFile(guest, accel, checking, expected)
        reports.push(await report)
      } catch (error) {
        if (named.length === 1 || !(error instanceof VdcError) || !ABOUT_ONE.includes(error.exit)) throw error
        failures.push({ guest, ...error.toJSON() })
        await fail(error)
      }
    }
    return summaryOf(reports, failures)
  }
  return named.some(({ isId }) => isId) ? withRegistry(checkAll) : checkAll()
}

/** @throws VdcError USAGE if a guest is no image of the registry. */
function requireIds(named: readonly Named[]): void {
  const file = named.find(({ isId }) => !isId)
  if (file === undefined) return
  throw new VdcError('USAGE', `The result can be saved only with an image, and ${file.guest} is a file`, {
    hint: 'Name images by ID (wmi-...) or display name, or omit --save',
  })
}

function summaryOf(guests: GuestReport[], failures: CheckSummary['failures']): CheckSummary {
  return { ready: failures.length === 0 && guests.every(({ ready }) => ready), guests, failures }
}

async function checkFile(
  path: string,
  accel: Acceleration,
  checking: Checking,
  expected: Expectation,
): Promise<GuestReport> {
  return withImageFile(path, async (file) => {
    const image = await acceptFile(file, expected, checking.watcher, () => {})
    return lookIntoImage(path, file, image, accel, checking)
  })
}

/** @param id as given, which names the guest in the report. */
async function checkImage(
  registry: Registry,
  id: string,
  accel: Acceleration,
  checking: Checking,
  options: { save: boolean; force: boolean; expected: Expectation },
): Promise<GuestReport> {
  const image = await imageOnHost(registry, id, 'check')
  if (options.save) await requireSavable(registry, image, options)
  return withFileOfImage(image, 'check', async (file) => {
    const accepted = await acceptFile(file, registeredAs(image, options.expected), checking.watcher, () => {})
    const report = await lookIntoImage(id, file, accepted, accel, checking)
    if (options.save)
      await saveResult(registry, image, file, {
        work: 'check',
        force: options.force,
        labelsOf: (date) => labelsOfCheck(report, date),
      })
    return report
  })
}
