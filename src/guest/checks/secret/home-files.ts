import { homesOf } from '../../parsers/accounts.ts'
import { type FoundFile, type GuestFiles, join } from '../../tree/guest-files.ts'

/** Yields the files that exist and are not empty, among those with the given names in all home folders. */
export async function* homeFiles(files: GuestFiles, names: readonly string[]): AsyncGenerator<FoundFile> {
  for (const home of await homesOf(files))
    for (const name of names) {
      const found = await files.find(join(home, name))
      if (found?.stat.kind === 'file' && found.stat.size > 0) yield found
    }
}
