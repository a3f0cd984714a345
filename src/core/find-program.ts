import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** Returns the path of a program in the absolute folders of PATH; undefined if it is in none. */
export async function findProgram(name: string, path = ''): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name)
    if (folder.startsWith('/') && (await allows(file, constants.X_OK))) return file
  }
  return undefined
}

/** Returns whether this user may use a file in a way, such as `constants.R_OK`. */
export function allows(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}
