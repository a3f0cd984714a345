import type { GuestFiles } from '../../tree/guest-files.ts'
import type { GuestPath } from '../../tree/guest-path.ts'

/** A configuration file. */
export interface ConfigFile {
  path: GuestPath
  text: string
}

/** Yields the files in some folders whose names match, each once, even if /lib is a link to /usr/lib. */
export async function* configFiles(
  files: GuestFiles,
  folders: readonly GuestPath[],
  name: RegExp,
): AsyncGenerator<ConfigFile> {
  const seen = new Set<GuestPath>()
  for (const folder of folders)
    for (const path of await files.matching(folder, name)) {
      const real = await files.leadsTo(path)
      if (seen.has(real)) continue
      seen.add(real)
      yield { path, text: (await files.text(path)) ?? '' }
    }
}
