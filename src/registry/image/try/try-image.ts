import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import type { ImageFile } from '../../../disk/file/image-file.ts'
import type { Expectation } from '../../../disk/inspect/inspection.ts'
import { ACCELERATIONS, type Acceleration } from '../../../guest/appliance/session.ts'
import { MACHINE_ARCHES, type MachineArch } from '../../../guest/machine/command-line.ts'
import { type VncPlace, vncPlace } from '../../../guest/machine/vnc.ts'
import type { Instance } from '../../../guest/metadata/instance.ts'
import { type Trial, type TriedStep, tryGuest } from '../../../guest/try/try-guest.ts'
import { describeInstance } from '../../metadata/describe-instance.ts'
import { imagesAmong, type LookUp } from '../../names/images-among.ts'
import type { Registry, Watcher } from '../../registry.ts'
import type { triedStep, tryReport } from '../../results/try.ts'
import { machineMemory, whole } from '../../rules/numbers.ts'
import { oneOf } from '../../rules/texts.ts'
import { labelsOfTry } from '../../rules/try-labels.ts'
import { validate } from '../../rules/validate.ts'
import { imageOnHost, registeredAs, withFileOfImage } from '../check/registered-guest.ts'
import { requireUnpacked } from '../check/require-unpacked.ts'
import { requireSavable, saveResult } from '../check/save-result.ts'
import { type AcceptedImage, acceptFile, archOf, withImageFile } from '../register/accept-file.ts'
import { readExpectations } from '../register/expectations.ts'
import { type TryFiles, withTryFiles } from './try-files.ts'

export { ACCELERATIONS } from '../../../guest/appliance/session.ts'
export { MACHINE_ARCHES } from '../../../guest/machine/command-line.ts'
export { REQUIRED_STEPS } from '../../../guest/try/step.ts'

/** MiB of memory of the virtual machine by default. */
export const TRY_MEMORY = 512
/** Seconds that a boot may take by default. */
export const TRY_TIMEOUT = 600
/** Seconds: a day. */
const MOST_TIME = 86_400

const tryRequest = z.object({
  image: z.string(),
  accel: z.prefault(oneOf(ACCELERATIONS), 'auto'),
  arch: z.optional(oneOf(MACHINE_ARCHES)),
  ...readExpectations,
  memory: z.prefault(machineMemory(), TRY_MEMORY),
  timeout: z.prefault(whole(1, MOST_TIME), TRY_TIMEOUT),
  twice: z.prefault(z.boolean(), false),
  instance: z.optional(z.string()),
  user_data: z.optional(z.string()),
  console: z.optional(z.string()),
  screenshot: z.optional(z.string()),
  vnc: z.optional(z.string()),
  save: z.prefault(z.boolean(), false),
  force: z.prefault(z.boolean(), false),
})

/**
 * The request of `tryImage`: a disk image file, or the ID or name of an image, and what the file must be; the virtual machine (MiB,
 * seconds for each boot); files that describe the instance; new files; where to look on; and whether to store the result with the image, even
 * a protected one.
 */
export type TryRequest = z.input<typeof tryRequest>
/** A step of a boot. */
export type StepReport = z.output<typeof triedStep>
/** What the guest did. */
export type TryReport = z.output<typeof tryReport>

/** How `tryImage` opens the registry, and reports. */
interface Surroundings {
  /** Called only if an image of the registry is named. */
  withRegistry: <T>(work: (registry: Registry) => Promise<T>) => Promise<T>
  /** Asks the registry for names of images. */
  lookUp: LookUp
  /** Called with each step once it is decided, and with one that was ok once it fails. */
  tell: (step: StepReport) => Promise<unknown>
  /** Called with the argument of vncviewer(1) once the screen can be looked at. */
  onVnc: (address: string) => Promise<unknown>
}

/** A request whose files were read. */
interface Prepared extends Pick<z.output<typeof tryRequest>, 'image' | 'memory' | 'timeout' | 'twice'> {
  accel: Acceleration
  arch: MachineArch | undefined
  /** What the file must be. */
  expected: Expectation
  instance: Instance
  vnc: VncPlace | undefined
  files: TryFiles
  watcher: Watcher
  surroundings: Surroundings
}

/**
 * Boots an image as an instance would, in a virtual machine without network, and reports what its guest does. Writes
 * nothing to the image; with `save`, labels.
 *
 * @throws VdcError USAGE, VALUE_REFUSED; FILE_REFUSED, FILE_CHANGED and errors of the image's rows; FILE_EXISTS,
 *   FILE_NOT_WRITTEN; QEMU_IMG_FAILED if QEMU cannot run; INTERRUPTED, TERMINATED.
 */
export async function tryImage(request: TryRequest, watcher: Watcher, surroundings: Surroundings): Promise<TryReport> {
  const { instance, user_data, console, screenshot, vnc, save, force, file_format, max_size, ...valid } = validate(
    tryRequest,
    request,
  )
  const isId = (await imagesAmong([valid.image], surroundings.lookUp)).has(valid.image)
  if (save && !isId) throw notSavable(valid.image)
  const place = vnc === undefined ? undefined : vncPlace(vnc)
  const described = await describeInstance({ instance, user_data }, watcher.cancellation)
  if (described.interfaces.length === 0) throw noInterface(instance)
  return withTryFiles({ console, screenshot }, (files) => {
    const prepared = {
      ...valid,
      accel: valid.accel as Acceleration,
      arch: valid.arch as MachineArch | undefined,
      instance: { ...described, cpuCores: 1, memorySize: valid.memory },
      ...{ vnc: place, files, watcher, surroundings },
      expected: { format: file_format, maxSize: max_size },
    }
    if (isId) return surroundings.withRegistry((registry) => tryRegistered(registry, prepared, { save, force }))
    return withImageFile(valid.image, async (file) => {
      const image = await acceptFile(file, prepared.expected, watcher, () => {})
      return tryFile(file, image, undefined, prepared)
    })
  })
}

async function tryRegistered(
  registry: Registry,
  prepared: Prepared,
  { save, force }: { save: boolean; force: boolean },
): Promise<TryReport> {
  const image = await imageOnHost(registry, prepared.image, 'try')
  if (save) await requireSavable(registry, image, { force })
  return withFileOfImage(image, 'try', async (file) => {
    const accepted = await acceptFile(file, registeredAs(image, prepared.expected), prepared.watcher, () => {})
    const instance = { ...prepared.instance, imageId: image.id }
    const report = await tryFile(file, accepted, image.arch, { ...prepared, instance })
    if (save)
      await saveResult(registry, image, file, { work: 'try', force, labelsOf: (date) => labelsOfTry(report, date) })
    return report
  })
}

/** @param registered the architecture that is registered. */
async function tryFile(
  file: ImageFile,
  image: AcceptedImage,
  registered: string | undefined,
  { image: guest, files, twice, surroundings, expected: _, ...options }: Prepared,
): Promise<TryReport> {
  requireUnpacked(image, file.path, undefined, 'to boot')
  const arch = archOf(image, options.arch ?? registered, file.path) as MachineArch
  const trial = await tryGuest({
    ...{ ...options, arch, isTwice: twice, isScreenKept: files.isScreenKept, onVnc: surroundings.onVnc },
    disk: { fd: file.handle.fd, format: image.fileFormat, isWritable: false },
    tell: (step) => surroundings.tell(reportOf(guest, step)),
  })
  await files.write(trial)
  return summaryOf(guest, trial)
}

function summaryOf(guest: string, { passes, accel, steps }: Trial): TryReport {
  const count = (result: TriedStep['result']) => steps.filter((step) => step.result === result).length
  return {
    ...{ guest, booted: passes, accel, failed: count('failed'), not_seen: count('not-seen') },
    steps: steps.map((step) => reportOf(guest, step)),
  }
}

function reportOf(guest: string, { boot, step, result, at, message }: TriedStep): StepReport {
  return {
    ...{ guest, boot, step, message },
    result: result === 'not-seen' ? 'not_seen' : result,
    seconds: at === undefined ? null : Math.round(at / 100) / 10,
  }
}

function noInterface(path: string | undefined): VdcError {
  return new VdcError('VALUE_REFUSED', `The instance of ${path} has no interface, by which a guest gets its metadata`, {
    hint: 'Omit interfaces in the file for one with default values',
  })
}

function notSavable(path: string): VdcError {
  return new VdcError('USAGE', `The result can be saved only with an image, and ${path} is a file`, {
    hint: 'Name an image by its ID (wmi-...) or display name, or omit --save',
  })
}
