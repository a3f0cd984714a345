import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The UID of nobody, for tests that need a second user. */
export const NOBODY = 65534

/**
 * Writes a script that runs its arguments as a command in a mount namespace whose password
 * database has another home folder for root.
 *
 * @param folder where the script is written.
 * @param home the home folder of root.
 * @returns the path of the script.
 */
export function withRootHome(folder: string, home: string): string {
  const passwords = join(folder, 'passwd')
  writeFileSync(passwords, readFileSync('/etc/passwd', 'utf8').replace(/^(root:.*:)[^:]*(:[^:]*)$/m, `$1${home}$2`))
  const path = join(folder, 'with-root-home')
  const script = `mount --bind ${passwords} /etc/passwd && exec "$@"`
  writeFileSync(path, `#!/bin/sh\nexec unshare -m sh -c '${script}' sh "$@"\n`, { mode: 0o755 })
  return path
}
