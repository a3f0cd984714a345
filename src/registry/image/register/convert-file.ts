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
import { type AcceptedImage, acceptFile, copied, withImageFile } from './accept-file.ts'
import { readExpectations } from './expectations.ts'

/** The part of a request that names a source and a new file, and says what the source must be. */
export const convertiblePaths = {
  path: z.string(),
  out: z.string().check(z.refine((text) => text !== '', 'must not be empty')),
  ...readExpectations,
}
const convertRequest = z.object({
  ...convertiblePaths,
  to: oneOf(TARGET_FORMATS),
  compress: z.prefault(z.boolean(), false),
})
type ConvertiblePaths = Pick<z.output<typeof convertRequest>, keyof typeof convertiblePaths>

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
  const check = async ({ file, image, place, conversion }: Convertible): Promise<FileChange> => {
    await tryConversion(file, image, place)
    return { action: 'create', path: place.path, file_format: conversion.to }
  }
  return withAcceptedFile(request, watcher, warn, check, true)
}

async function withAcceptedFile<T>(
  request: ConvertRequest,
  watcher: Watcher,
  warn: (text: string) => void,
  work: (accepted: Convertible) => Promise<T>,
  isTried = false,
): Promise<T> {
  const { to, compress, ...valid } = validate(convertRequest, request)
  return withConvertibleFile(valid, { to: to as TargetFormat, compress }, watcher, warn, work, isTried)
}

/** An open file that may be converted, and the target of the conversion. */
export interface Convertible {
  file: ImageFile
  image: AcceptedImage
  place: OutputPlace
  conversion: Conversion
}

/**
 * Opens a file that may be converted, and the folder of the new file, for `work`.
 *
 * @param isTried whether `work` only checks whether it could be converted.
 * @throws VdcError FILE_REFUSED, FILE_EXISTS, FILE_NOT_WRITTEN, QEMU_IMG_FAILED; errors of `work`.
 */
export async function withConvertibleFile<T>(
  { path, out, file_format, max_size }: ConvertiblePaths,
  conversion: Conversion,
  watcher: Watcher,
  warn: (text: string) => void,
  work: (convertible: Convertible) => Promise<T>,
  isTried = false,
): Promise<T> {
  const expected = { format: file_format, maxSize: max_size, ...copied(!isTried) }
  return withConvertible(out, conversion, (place) =>
    withImageFile(path, async (file) => {
      const image = await acceptFile(file, expected, watcher, warn)
      return work({ file, image, place, conversion })
    }),
  )
}
