import { type GuestFiles, join } from '../tree/guest-files.ts'

/** Run levels in which a system is up: 2 to 5. Debian and its kin use 2. */
const FOLDERS = [2, 3, 4, 5].flatMap((level) => [`/etc/rc${level}.d`, `/etc/rc.d/rc${level}.d`])

/** Returns the names of the init scripts that start in a run level (init-d-script(5), chkconfig(8)), without `S20`. */
export async function startedScripts(files: GuestFiles): Promise<Set<string>> {
  const names = new Set<string>()
  for (const folder of FOLDERS)
    for (const path of await files.matching(folder, /^S\d\d/)) names.add(path.replace(/^.*\/S\d\d/, ''))
  // OpenRC has a folder of links per run level (rc(8)).
  for (const level of ['boot', 'default', 'sysinit'])
    for (const name of await files.names(join('/etc/runlevels', level))) names.add(name)
  return names
}
