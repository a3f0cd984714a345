import * as z from 'zod/mini'
import { convertImage, requireConvertible } from '../../disk/convert-image.ts'
import { TARGET_FORMATS, type TargetFormat } from '../../disk/file-formats.ts'
import type { Watcher } from '../registry.ts'
import { oneOf } from '../texts.ts'
import { validate } from '../validate.ts'
import { acceptFile, withImageFile } from './accept-file.ts'
import { expectations } from './expectations.ts'
import { type FileReport, inspectFile } from './inspect-file.ts'

const convertRequest = z.object({
  path: z.string(),
  out: z.string().check(z.refine((text) => text !== '', 'must not be empty')),
  to: oneOf(TARGET_FORMATS),
  compress: z.prefault(z.boolean(), false),
  file_format: expectations.file_format,
  max_size: expectations.max_size,
})

/** What `convertFile` takes: two paths, and a format. */
export type ConvertRequest = z.input<typeof convertRequest>

/**
 * Converts a disk image of this host into a new file; the source may be packed.
 *
 * @returns what the new file is, its path resolved.
 * @throws VdcError FILE_REFUSED, FILE_EXISTS, FILE_NOT_WRITTEN, VALUE_REFUSED, QEMU_IMG_FAILED.
 */
export async function convertFile(
  request: ConvertRequest,
  watcher: Watcher,
  warn: (text: string) => void,
): Promise<FileReport> {
  const valid = validate(convertRequest, request)
  const conversion = { to: valid.to as TargetFormat, compress: valid.compress }
  const out = await requireConvertible(valid.out, conversion)
  const expected = { format: valid.file_format, maxSize: valid.max_size, prefersVhd: true }
  await withImageFile(valid.path, async (file) => {
    const inspection = await acceptFile(file, expected, watcher, warn)
    await convertImage(file, inspection, out, conversion, watcher, valid.max_size)
  })
  return inspectFile({ path: out, file_format: conversion.to, hash: false }, watcher)
}
