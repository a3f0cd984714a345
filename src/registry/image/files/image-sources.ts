import { stat } from 'node:fs/promises'
import type { VdcError } from '../../../core/errors.ts'
import type { NamedHow } from '../../../disk/file/image-file.ts'
import { findImages } from '../../../disk/folder/find-images.ts'
import type { Cancellation } from '../../../disk/watcher.ts'
import { outcomeOf } from '../../batch/outcome.ts'

/** A word that names a disk image file, or a file that was found in a folder. */
export type ImageSource = NamedHow & {
  /** The path, or an ID. */
  word: string
  /** Why the folder of this name cannot be walked. */
  error?: VdcError
}

/** What is known about a folder that was walked. */
export interface WalkedFolder {
  folder: string
  /** The number of files that may be disk images. */
  files: number
  /** Paths below the folder that were skipped. */
  skipped: readonly string[]
}

/** How to turn words into files. */
export interface SourceOptions {
  /** Walk folders. */
  recursive: boolean
  /** Called with each folder before its files. */
  onFolder: (folder: WalkedFolder) => Promise<void>
  cancellation: Cancellation
}

/** The hint for a folder that is named without --recursive. */
const USE_RECURSIVE = 'Give the path of a disk image file in the folder, or all of them with --recursive'

/** Returns the source that a word names by itself. */
export function namedSource(word: string): ImageSource {
  return { word, folderHint: USE_RECURSIVE }
}

/**
 * Yields the sources that words stand for: folders become their files, if asked for.
 *
 * @throws errors of `words`; the error of the cancellation.
 */
export async function* imageSources(
  words: AsyncIterable<readonly string[]>,
  { recursive, onFolder, cancellation }: SourceOptions,
): AsyncGenerator<ImageSource> {
  for await (const batch of words)
    for (const word of batch) {
      if (recursive && (await isFolder(word))) yield* walked(word, onFolder, cancellation)
      else yield namedSource(word)
    }
}

async function* walked(
  folder: string,
  onFolder: SourceOptions['onFolder'],
  cancellation: Cancellation,
): AsyncGenerator<ImageSource> {
  const outcome = await outcomeOf(folder, () => findImages(folder, cancellation))
  cancellation.throwIfRequested()
  if ('error' in outcome) {
    yield { word: folder, error: outcome.error }
    return
  }
  const { files, skipped, errors } = outcome.result
  await onFolder({ folder, files: files.length, skipped })
  for (const error of errors) yield { word: folder, error }
  for (const path of files) yield { word: path, isReal: true }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}

/** Returns the size of a named file in bytes, for the progress; 0 if there is none. */
export async function sizeOfSource({ word }: ImageSource): Promise<number> {
  return stat(word).then(
    (stats) => (stats.isFile() ? stats.size : 0),
    () => 0,
  )
}
