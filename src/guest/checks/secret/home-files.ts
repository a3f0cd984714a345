import type { Guest } from '../../guest.ts'
import { homesOf } from '../../parsers/accounts.ts'
import { type FoundFile, type GuestFiles, join } from '../../tree/guest-files.ts'
import type { GuestPath } from '../../tree/guest-path.ts'
import { each, type Found } from '../each.ts'

/** Looks into the home folder of each account; one that cannot be looked into is unknown. */
export async function* inHomes<T>(
  { files }: Pick<Guest, 'files'>,
  look: (home: GuestPath) => AsyncIterable<Found<T>>,
): AsyncGenerator<Found<T>> {
  const { paths, unknown } = await homesOf(files)
  yield* each(paths, look)
  yield* unknown
}

/** Returns a file in a folder if it is a regular file and not empty, or leads to one. */
export async function filledFile(files: GuestFiles, folder: GuestPath, name: string): Promise<FoundFile | undefined> {
  const found = await files.find(join(folder, name))
  return found?.stat.kind === 'file' && found.stat.size > 0 ? found : undefined
}
