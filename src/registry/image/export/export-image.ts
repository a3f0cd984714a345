import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import type { ImageFile } from '../../../disk/file/image-file.ts'
import { checksumLine } from '../../../disk/hash/checksum-file.ts'
import { hashImageFile } from '../../../disk/hash/checksums.ts'
import type { Checksums } from '../../../disk/hash/hashed.ts'
import { TARGET_FORMATS, type TargetFormat } from '../../../disk/inspect/file-formats.ts'
import {
  convertImage,
  requireEnding,
  requireWritableFolder,
  tryConversion,
  withConvertible,
  withFreePlace,
} from '../../../disk/make/convert-image.ts'
import { copyImage } from '../../../disk/make/copy-image.ts'
import type { MadeImage } from '../../../disk/make/made-image.ts'
import { type NewFile, withNewFile } from '../../../disk/make/new-file.ts'
import type { OutputPlace } from '../../../disk/make/output-place.ts'
import type { FileChange } from '../../change.ts'
import type { Registry, Watcher } from '../../registry.ts'
import type { exportReport } from '../../results/file.ts'
import { oneOf } from '../../rules/texts.ts'
import { validate } from '../../rules/validate.ts'
import { DEFAULT_CONTAINER_FORMAT } from '../../rules/values.ts'
import { reportOf } from '../check/inspect-file.ts'
import { type ImageOnHost, imageOnHost, registeredAs, verifyHint, withFileOfImage } from '../check/registered-guest.ts'
import { type AcceptedImage, acceptFile } from '../register/accept-file.ts'

const exportRequest = z.object({
  id: z.string(),
  out: z.string().check(z.refine((text) => text !== '', 'must not be empty')),
  to: z.optional(oneOf(TARGET_FORMATS)),
  compress: z.prefault(z.boolean(), false),
  packed: z.prefault(z.boolean(), false),
})

/** The request of `exportImage`: the image, the new file and its form. */
export type ExportRequest = z.input<typeof exportRequest>
/** The new file, with its checksums and the file that lists them. */
export type ExportReport = z.output<typeof exportReport>

/** What stands for stdout elsewhere. */
const STDOUT = '-'

type Valid = z.output<typeof exportRequest>

/** The open file of an image, and the place of its copy. */
interface Source {
  image: ImageOnHost
  file: ImageFile
  inspection: AcceptedImage
  place: OutputPlace
}

/**
 * Writes the boot file of an image to a new file, unpacked or converted, and its SHA-256 to a file beside it. The file
 * must be as registered.
 *
 * @throws VdcError the errors of `imageOnHost` and `withFileOfImage`; FILE_CHANGED if it has other checksums than
 *   registered; FILE_REFUSED, FILE_EXISTS, FILE_NOT_WRITTEN, VALUE_REFUSED, QEMU_IMG_FAILED.
 */
export async function exportImage(registry: Registry, request: ExportRequest, watcher: Watcher): Promise<ExportReport> {
  const valid = validate(exportRequest, request)
  return withSource(registry, valid, watcher, (source) =>
    withNewFile(`${source.place.path}.sha256`, (checksumFile) => write(source, valid, watcher, checksumFile), {
      mode: 0o666,
    }),
  )
}

/**
 * Checks whether `exportImage` could write a file; writes nothing, and does not compare checksums.
 *
 * @returns the file that it would write.
 * @throws VdcError the errors of `exportImage`, except those that occur only while it writes.
 */
export async function tryExportImage(
  registry: Registry,
  request: ExportRequest,
  watcher: Watcher,
): Promise<FileChange> {
  const valid = validate(exportRequest, request)
  return withSource(registry, valid, watcher, ({ file, inspection, place }) =>
    withNewFile(`${place.path}.sha256`, async () => {
      if (valid.to === undefined) await requireWritableFolder(place)
      else await tryConversion(file, inspection, place)
      return { action: 'create', path: place.path, file_format: valid.to ?? inspection.fileFormat }
    }),
  )
}

async function withSource<T>(
  registry: Registry,
  { id, out, to, compress, packed }: Valid,
  watcher: Watcher,
  work: (source: Source) => Promise<T>,
): Promise<T> {
  if (out === STDOUT)
    throw new VdcError('VALUE_REFUSED', 'Images are not written to stdout', {
      hint: `Give the path of a new file; for a file that is called ${STDOUT}, ./${STDOUT}`,
    })
  const image = await imageOnHost(registry, id, 'export')
  const inPlace = async (place: OutputPlace) =>
    withFileOfImage(image, 'export', async (file) => {
      const inspection = await acceptFile(file, registeredAs(image, {}), watcher, registry.warn)
      const isPacked = packed && inspection.containerFormat !== DEFAULT_CONTAINER_FORMAT
      const format = isPacked ? inspection.containerFormat : inspection.fileFormat
      const hint = `Choose a name that ends in .${format}${packed ? '' : ', or convert it with --to'}`
      if (to === undefined) requireEnding(out, format, hint)
      return work({ image, file, inspection, place })
    })
  return to === undefined
    ? withFreePlace(out, inPlace)
    : withConvertible(out, { to: to as TargetFormat, compress }, inPlace)
}

async function write(
  { image, file, inspection, place }: Source,
  { to, compress, packed }: Valid,
  watcher: Watcher,
  checksumFile: NewFile,
): Promise<ExportReport> {
  const requireChecksums = (found: Checksums) => requireRegistered(image, file, found)
  const finish = (made: MadeImage, checksums: Checksums) => intoPlace(image, made, checksums, place, checksumFile)
  if (to === undefined)
    return copyImage(file, inspection, place, { unpack: !packed }, watcher, { requireChecksums, use: finish })
  return convertImage(file, inspection, place, { to: to as TargetFormat, compress }, watcher, {
    requireContents: async (source) => requireChecksums(await hashImageFile(source, watcher)),
    use: async (made) => finish(made, await hashImageFile(made.file, watcher)),
  })
}

async function intoPlace(
  { id }: ImageOnHost,
  made: MadeImage,
  checksums: Checksums,
  { name, path }: OutputPlace,
  checksumFile: NewFile,
): Promise<ExportReport> {
  const file = await made.moveIntoPlace()
  try {
    await checksumFile.write(Buffer.from(checksumLine(checksums.sha256, name)))
  } catch (error) {
    await made.removeFromPlace()
    throw error
  }
  return { ...(await reportOf(file, made.inspection)), ...checksums, id, checksum_file: `${path}.sha256` }
}

/** @throws VdcError FILE_CHANGED if a file has other checksums than are registered. */
function requireRegistered({ id, backup_object: object }: ImageOnHost, { path }: ImageFile, found: Checksums): void {
  for (const [name, registered, is] of [
    ['MD5', object.checksum.toLowerCase(), found.md5],
    ['SHA-256', object.sha256 ?? '', found.sha256],
  ] as const) {
    if (registered === '' || registered === is) continue
    throw new VdcError(
      'FILE_CHANGED',
      `The file ${path} of image ${id} has the ${name} ${is}, but ${registered} is registered`,
      { hint: verifyHint(id) },
    )
  }
}
