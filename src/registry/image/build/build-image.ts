import type { FileHandle } from 'node:fs/promises'
import type * as z from 'zod/mini'
import { imageFileOf } from '../../../disk/file/image-file.ts'
import { inspectImage } from '../../../disk/inspect/inspect-image.ts'
import { convertImage, requireWritableFolder, withConvertible } from '../../../disk/make/convert-image.ts'
import type { MadeImage } from '../../../disk/make/made-image.ts'
import type { OutputPlace } from '../../../disk/make/output-place.ts'
import { requireBuildable, withBuiltDisk } from '../../../guest/build/build-disk.ts'
import type { TreeResult } from '../../../guest/build/tree/tree-request.ts'
import type { FileChange } from '../../change.ts'
import type { Watcher } from '../../registry.ts'
import type { builtReport } from '../../results/file.ts'
import { reportOf } from '../check/inspect-file.ts'
import { guestReportOf } from '../check/look-into-guest.ts'
import { changeOf, type PreparedGuest } from '../prepare/prepare-guest.ts'
import { type BuildRequest, type ValidBuild, validBuild } from './build-request.ts'

export { BUILD_INITS, BUILD_SIZE, BUILD_TIMEOUT, type BuildRequest } from './build-request.ts'

/** The built file, how its guest was prepared and checked, and the ID of the image if it was registered. */
export type BuiltReport = z.output<typeof builtReport>

/** What is done within a build, beside the build. */
export interface BuildSteps<T> {
  /** Refuses, before the build, what would be refused after it. */
  prepare(place: OutputPlace): Promise<void>
  /** Uses the result, which is removed unless this moves it into place. */
  use(made: MadeImage, prepared: PreparedGuest): Promise<T>
}

/**
 * Builds a disk image with a new guest, which is prepared and checked.
 *
 * @returns the report on the new file; its guest need not be ready if packages or the script made it so.
 * @throws VdcError VALUE_REFUSED, FILE_REFUSED, FILE_EXISTS, FILE_NOT_WRITTEN, GUEST_NOT_READY, BUILD_FAILED,
 *   QEMU_IMG_FAILED, INTERRUPTED, TERMINATED.
 */
export async function buildImage(request: BuildRequest, watcher: Watcher): Promise<BuiltReport> {
  return buildWith(request, watcher, {
    async prepare() {},
    use: async (made, prepared) => ({
      ...(await reportOf(await made.moveIntoPlace(), made.inspection)),
      ...prepared,
      id: null,
    }),
  })
}

/**
 * Checks whether `buildImage` could build an image; installs and creates nothing.
 *
 * @returns the file that it would create, with its path resolved.
 * @throws VdcError the errors of `buildImage`, except those that occur only during the build.
 */
export async function tryBuildImage(request: BuildRequest, watcher: Watcher): Promise<FileChange> {
  const { out, conversion } = await validBuild(request, watcher)
  return withConvertible(out, conversion, async (place) => {
    await requireWritableFolder(place)
    await requireBuildable(watcher)
    return { action: 'create', path: place.path, file_format: conversion.to }
  })
}

/**
 * Builds a disk image for `steps`.
 *
 * @throws VdcError as `buildImage`; errors of the steps.
 */
export async function buildWith<T>(request: BuildRequest, watcher: Watcher, steps: BuildSteps<T>): Promise<T> {
  const valid = await validBuild(request, watcher)
  return withConvertible(valid.out, valid.conversion, async (place) => {
    await requireWritableFolder(place)
    await steps.prepare(place)
    return withBuiltDisk(valid.options, watcher, (disk, result) =>
      convertBuilt(disk, result, place, valid, watcher, steps),
    )
  })
}

async function convertBuilt<T>(
  disk: FileHandle,
  { edits, system, reports }: TreeResult,
  place: OutputPlace,
  { conversion }: ValidBuild,
  watcher: Watcher,
  { use }: BuildSteps<T>,
): Promise<T> {
  // Nothing in a new image is secret, and the result gets the mode of the source.
  await disk.chmod(0o644 & ~process.umask())
  const file = { ...(await imageFileOf(place.path, disk)), isNameless: true }
  const inspection = await inspectImage(file, { format: 'raw', maxSize: Number.MAX_SAFE_INTEGER }, watcher)
  const guest = guestReportOf(place.path, system, reports, false)
  return convertImage(file, inspection, place, conversion, watcher, {
    use: (made) => use(made, { edits: edits.map(changeOf), guest }),
  })
}
