import { NO_DISK } from '../../guest.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import type { GuestCheck } from '../check.ts'

const TOOLS = ['/usr/bin/growpart', '/usr/sbin/growpart', '/sbin/growpart']
/** systemd-repart is part of systemd, but without these files, which say what to do, it does nothing (repart.d(5)). */
const DEFINITIONS = ['/etc/repart.d', '/usr/lib/repart.d', '/usr/local/lib/repart.d']

export const grow: GuestCheck = {
  id: 'disk.grow',
  severity: 'note',
  requirement: 'The root filesystem can grow to the size of the disk.',
  looksAt: 'the partition table, growpart, systemd-repart and its `repart.d`',
  remedy:
    'Make the root partition the last one, and install growpart (package cloud-guest-utils or cloud-utils-growpart).',

  async *run({ files, disk }) {
    if (!(await hasTool(files))) yield { message: 'no program that grows a partition' }
    if (disk === undefined) yield { result: 'unknown', message: `where the root partition is: ${NO_DISK}` }
    else if (disk.isRootLast === undefined)
      yield { result: 'unknown', message: 'the root filesystem is not on a partition' }
    else if (!disk.isRootLast) yield { message: 'the root partition is not the last one' }
  },
}

async function hasTool(files: GuestFiles): Promise<boolean> {
  for (const tool of TOOLS) if (await files.exists(tool)) return true
  if (!(await files.exists('/usr/bin/systemd-repart'))) return false
  for (const folder of DEFINITIONS) if ((await files.matching(folder, /\.conf$/)).length > 0) return true
  return false
}
