import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import { shellWord } from '../../../core/shell-word.ts'
import type { ImageFile } from '../../../disk/file/image-file.ts'
import { type Conversion, convertImage, tryConversion, withConvertible } from '../../../disk/make/convert-image.ts'
import type { OutputPlace } from '../../../disk/make/output-place.ts'
import { withAppliance } from '../../../guest/appliance/appliance.ts'
import { ACCELERATIONS, type Acceleration } from '../../../guest/appliance/session.ts'
import type { PrepareOptions } from '../../../guest/prepare/edit.ts'
import type { Change } from '../../change.ts'
import type { Watcher } from '../../registry.ts'
import type { preparedReport } from '../../results/file.ts'
import { oneOf } from '../../rules/texts.ts'
import { validate } from '../../rules/validate.ts'
import { chosenChecks } from '../check/chosen-checks.ts'
import { reportOf } from '../check/inspect-file.ts'
import type { Checking } from '../check/look-into-guest.ts'
import { type AcceptedImage, acceptFile, withImageFile } from '../register/accept-file.ts'
import { expectations } from '../register/expectations.ts'
import { type PreparedGuest, prepareGuest, tryPrepareGuest } from './prepare-guest.ts'

export { ACCELERATIONS } from '../../../guest/appliance/session.ts'

/** Formats in which deleted data can be discarded. */
export const PREPARED_FORMATS = ['qcow2', 'raw'] as const
/** What can get the metadata in a prepared guest. */
export const INITS = ['auto', 'script', 'cloud-init', 'none'] as const

const prepareRequest = z.object({
  path: z.string(),
  out: z.string().check(z.refine((text) => text !== '', 'must not be empty')),
  to: z.prefault(oneOf(PREPARED_FORMATS), 'qcow2'),
  only: z.optional(z.array(z.string())),
  skip: z.optional(z.array(z.string())),
  strict: z.prefault(z.boolean(), false),
  nameserver: z.prefault(z.array(z.union([z.ipv4(), z.ipv6()], { error: 'must be an IP address' })), []),
  init: z.prefault(oneOf(INITS), 'auto'),
  timezone: z.optional(z.string()),
  keep_keys: z.prefault(z.boolean(), false),
  accel: z.prefault(oneOf(ACCELERATIONS), 'auto'),
  file_format: expectations.file_format,
  max_size: expectations.max_size,
})

/** The request of `prepareFile`: the two paths, and what to do. */
export type PrepareRequest = z.input<typeof prepareRequest>
/** The prepared file, what was changed in the guest, and the check after that. */
export type PreparedReport = z.output<typeof preparedReport>

/**
 * Makes a copy of a disk image in which what checks find is remedied. The source is not written to, and may be
 * packed. The copy appears when it is complete and was checked again.
 *
 * @throws VdcError FILE_REFUSED, FILE_EXISTS, FILE_NOT_WRITTEN, VALUE_REFUSED, GUEST_NOT_READY if the guest is
 *   not a single Linux system, QEMU_IMG_FAILED, APPLIANCE_FAILED, INTERRUPTED, TERMINATED.
 */
export async function prepareFile(
  request: PrepareRequest,
  watcher: Watcher,
  warn: (text: string) => void,
): Promise<PreparedReport> {
  return withPreparable(
    request,
    watcher,
    warn,
    async ({ file, image, place, conversion, accel, checking, options }) => {
      let prepared: PreparedGuest | undefined
      return convertImage(file, image, place, conversion, watcher, {
        change: async (made) => {
          const disk = { fd: made.handle.fd, format: conversion.to, isWritable: true }
          prepared = await withAppliance(disk, accel, watcher, (appliance) =>
            prepareGuest(appliance, place.path, checking, options),
          )
        },
        use: async (made) => ({
          ...(await reportOf(await made.moveIntoPlace(), made.inspection)),
          ...(prepared as PreparedGuest),
        }),
      })
    },
  )
}

/**
 * Returns what `prepareFile` would do. Writes nothing.
 *
 * @throws VdcError the errors of `prepareFile`; FILE_REFUSED if the source is packed.
 */
export async function tryPrepareFile(
  request: PrepareRequest,
  watcher: Watcher,
  warn: (text: string) => void,
): Promise<Change[]> {
  return withPreparable(
    request,
    watcher,
    warn,
    async ({ file, image, place, conversion, accel, checking, options }) => {
      requireUnpacked(image, file.path)
      await tryConversion(file, image, place)
      const disk = { fd: file.handle.fd, format: image.fileFormat, isWritable: false }
      const edits = await withAppliance(disk, accel, watcher, (appliance) =>
        tryPrepareGuest(appliance, checking, options),
      )
      return [{ action: 'create', path: place.path, file_format: conversion.to }, ...edits]
    },
  )
}

interface Preparation {
  file: ImageFile
  image: AcceptedImage
  place: OutputPlace
  conversion: Conversion
  accel: Acceleration
  checking: Checking
  options: PrepareOptions
}

async function withPreparable<T>(
  request: PrepareRequest,
  watcher: Watcher,
  warn: (text: string) => void,
  work: (preparation: Preparation) => Promise<T>,
): Promise<T> {
  const valid = validate(prepareRequest, request)
  const checks = chosenChecks(valid.only, valid.skip)
  const checking = { checks, strict: valid.strict, watcher, tell: async () => {} }
  const options = {
    nameservers: valid.nameserver,
    init: valid.init as PrepareOptions['init'],
    keepKeys: valid.keep_keys,
    timezone: valid.timezone,
  }
  const conversion = { to: valid.to as Conversion['to'], compress: false }
  const expected = { format: valid.file_format, maxSize: valid.max_size, prefersVhd: true }
  return withConvertible(valid.out, conversion, (place) =>
    withImageFile(valid.path, async (file) => {
      const image = await acceptFile(file, expected, watcher, warn)
      return work({ file, image, place, conversion, accel: valid.accel as Acceleration, checking, options })
    }),
  )
}

function requireUnpacked({ containerFormat }: AcceptedImage, path: string): void {
  if (containerFormat === 'none') return
  throw new VdcError('FILE_REFUSED', `The file ${path} is packed (${containerFormat}), so nobody can look into it`, {
    hint: `Unpack it with: vdc-manage image convert ${shellWord(path)} OUT.qcow2 --to qcow2`,
  })
}
