import type { WalkedFolder } from '../../registry/image/files/image-sources.ts'
import type { ManyFiles } from '../../registry/image/files/many-files.ts'
import type { Watcher } from '../../registry/registry.ts'
import { printable } from '../terminal/escape.ts'
import { writeNote } from '../terminal/output.ts'
import type { Session } from './session.ts'
import { noneOnStdin, STDIN } from './stdin-ids.ts'

/** The options that say how paths are named. */
export interface NamingOptions {
  recursive: boolean
  /** Paths on stdin end with NUL. */
  null: boolean
}

/** Returns true if the words may stand for several files, even if there turns out to be one. */
export function areSeveral(words: readonly string[], { recursive }: NamingOptions): boolean {
  return words.length > 1 || words[0] === STDIN || recursive
}

/**
 * Finds the files that words stand for: `-` for the paths on stdin, folders for their files. Files on stdin are taken
 * as they are named; otherwise all are found before the first is read.
 *
 * @throws VdcError USAGE if stdin cannot be read for this; INTERRUPTED, TERMINATED.
 */
export async function namedFiles(
  session: Session,
  words: readonly string[],
  options: NamingOptions,
  watcher: Watcher,
): Promise<ManyFiles> {
  const [{ imageSources }, { collectedFiles }] = await Promise.all([
    import('../../registry/image/files/image-sources.ts'),
    import('../../registry/image/files/many-files.ts'),
  ])
  const named = orNote(session.paths(words, options))
  const { recursive } = options
  const sources = imageSources(named, { recursive, onFolder: noteFolder, cancellation: watcher.cancellation })
  return words.includes(STDIN) ? { sources, count: undefined, bytes: undefined } : collectedFiles(sources)
}

async function* orNote(batches: AsyncIterable<string[]>): AsyncGenerator<string[]> {
  let count = 0
  for await (const batch of batches) {
    count += batch.length
    yield batch
  }
  if (count === 0) await writeNote(noneOnStdin('path'))
}

/** The most names in a note. */
const MOST_NAMES = 5

async function noteFolder({ folder, files, skipped }: WalkedFolder): Promise<void> {
  const name = printable(folder)
  if (skipped.length > 0) {
    const names = skipped.slice(0, MOST_NAMES).map(printable).join(', ')
    const rest = skipped.length - MOST_NAMES
    await writeNote(`Skipped in ${name}: ${names}${rest > 0 ? ` and ${rest} more` : ''}`)
  }
  if (files === 0) await writeNote(`No disk images in ${name}: nothing to do`)
}
