import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The user of those tests that need a second one: nobody. */
export const NOBODY = 65534

/**
 * Writes a program that runs another one where the password database names
 * another home folder for root, and nowhere else: in a mount namespace.
 *
 * @param folder where it is written.
 * @param home of root.
 * @returns its path; the program and its arguments are its arguments.
 */
export function withRootHome(folder: string, home: string): string {
  const passwords = join(folder, 'passwd')
  writeFileSync(passwords, readFileSync('/etc/passwd', 'utf8').replace(/^(root:.*:)[^:]*(:[^:]*)$/m, `$1${home}$2`))
  const path = join(folder, 'with-root-home')
  const script = `mount --bind ${passwords} /etc/passwd && exec "$@"`
  writeFileSync(path, `#!/bin/sh\nexec unshare -m sh -c '${script}' sh "$@"\n`, { mode: 0o755 })
  return path
}
