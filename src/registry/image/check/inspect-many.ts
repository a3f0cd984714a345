import type { Watcher } from '../../registry.ts'
import type { ImageSource } from '../files/image-sources.ts'
import { inParallel } from '../files/in-parallel.ts'
import type { ManyFiles } from '../files/many-files.ts'
import { type FileReport, type InspectRequest, inspectFile, refusedReport } from './inspect-file.ts'

/**
 * Inspects several files in parallel, as `inspectFile` does one.
 *
 * @returns the reports, in the order of the files.
 * @throws VdcError as `inspectFile`; errors of `files.sources`.
 */
export async function* inspectMany(
  files: ManyFiles,
  request: Omit<InspectRequest, 'path'>,
  watcher: Watcher,
): AsyncGenerator<FileReport> {
  const how = { title: 'Inspecting', reads: request.hash !== false || request.thorough === true }
  yield* inParallel(files, watcher, how, async ({ word, error, ...named }, reading) => {
    if (error !== undefined) return refusedReport(word, error)
    return inspectFile({ ...request, path: word }, reading().watcher, { named, hashing: () => reading().hashing })
  })
}

/** Inspects one file that a word names, and yields its report. */
export async function* inspectOne(
  { word, ...named }: ImageSource,
  request: Omit<InspectRequest, 'path'>,
  watcher: Watcher,
): AsyncGenerator<FileReport> {
  yield await inspectFile({ ...request, path: word }, watcher, { named })
}
