import * as z from 'zod/mini'
import { VdcError } from '../../../core/errors.ts'
import type { ImageFile, NamedHow } from '../../../disk/file/image-file.ts'
import { type HashOptions, hashImageFile } from '../../../disk/hash/checksums.ts'
import { inspectImage } from '../../../disk/inspect/inspect-image.ts'
import { type Inspection, requireAcceptable } from '../../../disk/inspect/inspection.ts'
import { localUri } from '../../backup-storage/local-uri.ts'
import type { Watcher } from '../../registry.ts'
import type { fileReport } from '../../results/file.ts'
import { oneOf } from '../../rules/texts.ts'
import { validate } from '../../rules/validate.ts'
import { ARCHES } from '../../rules/values.ts'
import { archOf, withImageFile } from '../register/accept-file.ts'
import { expectations, requireChecksum } from '../register/expectations.ts'

const inspectRequest = z.object({
  ...expectations,
  arch: z.optional(oneOf(ARCHES)),
  path: z.string(),
  hash: z.prefault(z.boolean(), true),
  thorough: z.prefault(z.boolean(), false),
})

/** The request of `inspectFile`: a path, the expectations, and whether to read the whole disk and to hash the file. */
export type InspectRequest = z.input<typeof inspectRequest>

/** The properties of a file, and whether it may be registered. */
export type FileReport = z.output<typeof fileReport>

/** How to inspect a file. */
interface InspectOptions {
  named?: NamedHow
  /** Returns how to hash the file. */
  hashing?: () => HashOptions
}

/**
 * Reports the properties of a file and whether it may be registered. Registers nothing.
 *
 * @returns the report, which includes the reasons why the file is refused.
 * @throws VdcError VALUE_REFUSED, QEMU_IMG_FAILED, FILE_NOT_WRITTEN, INTERRUPTED.
 */
export async function inspectFile(
  request: InspectRequest,
  watcher: Watcher,
  { named, hashing }: InspectOptions = {},
): Promise<FileReport> {
  const valid = validate(inspectRequest, request)
  return reportOn(valid.path, (report) =>
    withImageFile({ path: valid.path, ...named }, async (file) => {
      report.path = file.path
      const expected = { format: valid.file_format, maxSize: valid.max_size, unpacks: 'all-to-report' } as const
      const inspection = await inspectImage(file, expected, watcher)
      fillReport(report, file, inspection, valid.arch)
      if (valid.thorough)
        await (await import('../../../disk/inspect/thorough.ts')).readWholeDisk(file, inspection, watcher)
      if (!valid.hash) return
      const checksums = await hashImageFile(file, watcher, hashing?.())
      Object.assign(report, checksums)
      requireChecksum(file.path, checksums, valid.checksum)
    }),
  )
}

/** Reports on an open file that has been inspected but not hashed. */
export async function reportOf(file: ImageFile, inspection: Inspection): Promise<FileReport> {
  return reportOn(file.path, async (report) => fillReport(report, file, inspection, undefined))
}

/** Returns the report on a path that leads to no file that can be inspected. */
export async function refusedReport(path: string, error: VdcError): Promise<FileReport> {
  return reportOn(path, () => Promise.reject(error))
}

/** Makes a report that `fill` fills in. If `fill` throws FILE_REFUSED, the report includes the reason. */
async function reportOn(path: string, fill: (report: FileReport) => Promise<void>): Promise<FileReport> {
  const report = emptyReport(path)
  try {
    await fill(report)
  } catch (error) {
    if (!(error instanceof VdcError) || error.code !== 'FILE_REFUSED') throw error
    const refusal = { message: error.message, ...(error.hint !== undefined && { hint: error.hint }) }
    if (!report.refusals.some(({ message }) => message === refusal.message)) report.refusals.unshift(refusal)
    return { ...report, acceptable: false, ...error.toJSON() }
  }
  return { ...report, acceptable: true }
}

function fillReport(report: FileReport, file: ImageFile, inspection: Inspection, arch: string | undefined): void {
  Object.assign(report, {
    file_format: inspection.fileFormat ?? null,
    version: inspection.version ?? null,
    features: inspection.features,
    contents: inspection.contents,
    arch: inspection.arch ?? null,
    container_format: inspection.containerFormat,
    virtual_size: inspection.virtualSize ?? null,
    size: inspection.size,
    allocation_size: inspection.allocationSize,
    warnings: inspection.warnings,
    refusals: inspection.refusals.map(({ why, hint }) => ({
      message: `The file ${file.path} ${why}`,
      ...(hint !== undefined && { hint }),
    })),
  })
  // The path can be a reason to refuse the file, too.
  localUri(file.path)
  requireAcceptable(inspection, file.path)
  archOf(inspection, arch, file.path)
}

function emptyReport(path: string): FileReport {
  return {
    path,
    acceptable: false,
    file_format: null,
    version: null,
    features: [],
    contents: [],
    arch: null,
    container_format: null,
    virtual_size: null,
    size: null,
    allocation_size: null,
    md5: null,
    sha256: null,
    warnings: [],
    refusals: [],
  }
}
