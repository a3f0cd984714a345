import type { Guest } from '../../guest.ts'
import { homesOf } from '../../parsers/accounts.ts'
import { type FoundFile, type GuestFiles, join } from '../../tree/guest-files.ts'
import type { GuestPath } from '../../tree/guest-path.ts'
import type { Finding } from '../check.ts'
import { each, unknownBy } from '../each.ts'

/** Looks into the home folder of each account; one that cannot be looked into is unknown. */
export async function* inHomes(
  { files }: Pick<Guest, 'files'>,
  look: (home: GuestPath) => AsyncIterable<Finding>,
): AsyncGenerator<Finding> {
  const { paths, unknown } = await homesOf(files)
  yield* each(paths, look)
  for (const error of unknown) yield unknownBy(error)
}

/** Returns a file in a folder if it is a regular file and not empty, or leads to one. */
export async function filledFile(files: GuestFiles, folder: GuestPath, name: string): Promise<FoundFile | undefined> {
  const found = await files.find(join(folder, name))
  return found?.stat.kind === 'file' && found.stat.size > 0 ? found : undefined
}
