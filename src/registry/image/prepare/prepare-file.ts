import * as z from 'zod/mini'
import { type Conversion, convertImage, tryConversion } from '../../../disk/make/convert-image.ts'
import { ACCELERATIONS, type Acceleration } from '../../../guest/appliance/session.ts'
import type { PrepareOptions } from '../../../guest/prepare/edit.ts'
import type { Change } from '../../change.ts'
import type { Watcher } from '../../registry.ts'
import type { preparedReport } from '../../results/file.ts'
import { oneOf } from '../../rules/texts.ts'
import { validate } from '../../rules/validate.ts'
import { PREPARED_FORMATS } from '../../rules/values.ts'
import { chosenChecks } from '../check/chosen-checks.ts'
import { reportOf } from '../check/inspect-file.ts'
import type { GuestReport } from '../check/look-into-guest.ts'
import { type Convertible, convertiblePaths, withConvertibleFile } from '../register/convert-file.ts'
import { type PreparedGuest, type Preparing, prepareGuest, tryPrepareGuest } from './prepare-guest.ts'

export { ACCELERATIONS } from '../../../guest/appliance/session.ts'

/** What can get the metadata in a prepared guest. */
export const INITS = ['auto', 'script', 'cloud-init', 'none'] as const

const prepareRequest = z.object({
  ...convertiblePaths,
  to: z.prefault(oneOf(PREPARED_FORMATS), 'qcow2'),
  only: z.optional(z.array(z.string())),
  skip: z.optional(z.array(z.string())),
  strict: z.prefault(z.boolean(), false),
  nameserver: z.prefault(z.array(z.union([z.ipv4(), z.ipv6()], { error: 'must be an IP address' })), []),
  init: z.prefault(oneOf(INITS), 'auto'),
  timezone: z.optional(z.string()),
  keep_keys: z.prefault(z.boolean(), false),
  accel: z.prefault(oneOf(ACCELERATIONS), 'auto'),
})

/** The request of `prepareFile`: the two paths, and what to do. */
export type PrepareRequest = z.input<typeof prepareRequest>
/** The prepared file, what was changed in the guest, and the check after that. */
export type PreparedReport = z.output<typeof preparedReport>

/** What a dry run of `prepareFile` found: the changes that it would make, and the check after that. */
export interface TriedPreparation {
  changes: Change[]
  guest: GuestReport
}

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
  return withPreparable(request, watcher, warn, async ({ file, image, place, conversion, preparing }) => {
    let prepared: PreparedGuest | undefined
    return convertImage(file, image, place, conversion, watcher, {
      change: async (made) => {
        prepared = await prepareGuest(made, conversion.to, place.path, preparing)
      },
      use: async (made) => ({
        ...(await reportOf(await made.moveIntoPlace(), made.inspection)),
        ...(prepared as PreparedGuest),
      }),
    })
  })
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
): Promise<TriedPreparation> {
  return withPreparable(request, watcher, warn, async ({ file, image, place, conversion, preparing }) => {
    await tryConversion(file, image, place)
    const { edits, guest } = await tryPrepareGuest(file, image, place.path, preparing)
    return { changes: [{ action: 'create', path: place.path, file_format: conversion.to }, ...edits], guest }
  })
}

interface Preparation extends Convertible {
  preparing: Preparing
}

async function withPreparable<T>(
  request: PrepareRequest,
  watcher: Watcher,
  warn: (text: string) => void,
  work: (preparation: Preparation) => Promise<T>,
): Promise<T> {
  const valid = validate(prepareRequest, request)
  const preparing = {
    checks: chosenChecks(valid.only, valid.skip),
    strict: valid.strict,
    watcher,
    tell: async () => {},
    accel: valid.accel as Acceleration,
    options: {
      nameservers: valid.nameserver,
      init: valid.init as PrepareOptions['init'],
      keepKeys: valid.keep_keys,
      timezone: valid.timezone,
    },
  }
  const conversion = { to: valid.to as Conversion['to'], compress: false }
  return withConvertibleFile(valid, conversion, watcher, warn, (source) => work({ ...source, preparing }))
}
