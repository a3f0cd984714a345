import * as z from 'zod/mini'
import type { ImageFile } from '../../../disk/file/image-file.ts'
import { TARGET_FORMATS, type TargetFormat } from '../../../disk/inspect/file-formats.ts'
import { type Conversion, convertImage, tryConversion, withConvertible } from '../../../disk/make/convert-image.ts'
import type { OutputPlace } from '../../../disk/make/output-place.ts'
import type { FileChange } from '../../change.ts'
import type { Watcher } from '../../registry.ts'
import { oneOf } from '../../rules/texts.ts'
import { validate } from '../../rules/validate.ts'
import { type FileReport, reportOf } from '../check/inspect-file.ts'
import { type AcceptedImage, acceptFile, withImageFile } from './accept-file.ts'
import { expectations } from './expectations.ts'

const convertRequest = z.object({
  path: z.string(),
  out: z.string().check(z.refine((text) => text !== '', 'must not be empty')),
  to: oneOf(TARGET_FORMATS),
  compress: z.prefault(z.boolean(), false),
  file_format: expectations.file_format,
  max_size: expectations.max_size,
})

/** The request of `convertFile`: the two paths, the target format and expectations of the source. */
export type ConvertRequest = z.input<typeof convertRequest>

/**
 * Converts a disk image on this host into a new file. The source may be packed.
 *
 * @returns the report on the new file, with its path resolved.
 * @throws VdcError FILE_REFUSED, FILE_EXISTS, FILE_NOT_WRITTEN, VALUE_REFUSED, QEMU_IMG_FAILED.
 */
export async function convertFile(
  request: ConvertRequest,
  watcher: Watcher,
  warn: (text: string) => void,
): Promise<FileReport> {
  return withAcceptedFile(request, watcher, warn, ({ file, image, place, conversion }) =>
    convertImage(file, image, place, conversion, watcher, {
      use: async (made) => reportOf(await made.moveIntoPlace(), made.inspection),
    }),
  )
}

/**
 * Checks whether `convertFile` could convert a file; creates nothing.
 *
 * @returns the file that it would create, with its path resolved.
 * @throws VdcError the errors of `convertFile`, except those that occur only while qemu-img converts.
 */
export async function tryConvertFile(
  request: ConvertRequest,
  watcher: Watcher,
  warn: (text: string) => void,
): Promise<FileChange> {
  return withAcceptedFile(request, watcher, warn, async ({ file, image, place, conversion }) => {
    await tryConversion(file, image, place)
    return { action: 'create', path: place.path, file_format: conversion.to }
  })
}

/** A file that may be converted, and the target of the conversion. */
interface Accepted {
  file: ImageFile
  image: AcceptedImage
  place: OutputPlace
  conversion: Conversion
}

async function withAcceptedFile<T>(
  request: ConvertRequest,
  watcher: Watcher,
  warn: (text: string) => void,
  work: (accepted: Accepted) => Promise<T>,
): Promise<T> {
  const valid = validate(convertRequest, request)
  const conversion = { to: valid.to as TargetFormat, compress: valid.compress }
  const expected = { format: valid.file_format, maxSize: valid.max_size, prefersVhd: true }
  return withConvertible(valid.out, conversion, (place) =>
    withImageFile(valid.path, async (file) => {
      const image = await acceptFile(file, expected, watcher, warn)
      return work({ file, image, place, conversion })
    }),
  )
}
