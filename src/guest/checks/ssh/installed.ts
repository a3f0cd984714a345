import type { GuestFiles } from '../../tree/guest-files.ts'

const SERVERS = ['/usr/sbin/sshd', '/usr/sbin/dropbear', '/usr/local/sbin/sshd', '/usr/bin/dropbear']

/** Returns the path of the SSH server; undefined if there is none. */
export async function sshServer(files: GuestFiles): Promise<string | undefined> {
  for (const path of SERVERS) if (await files.exists(path)) return path
  return undefined
}
