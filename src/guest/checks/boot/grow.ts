import { NO_DISK } from '../../guest.ts'
import type { GuestCheck } from '../check.ts'

const TOOLS = ['/usr/bin/growpart', '/usr/sbin/growpart', '/usr/bin/systemd-repart', '/sbin/growpart']

export const grow: GuestCheck = {
  id: 'disk.grow',
  severity: 'note',
  requirement: 'The root filesystem can grow to the size of the disk.',
  looksAt: 'the partition table, growpart, systemd-repart',
  remedy:
    'Make the root partition the last one, and install growpart (package cloud-guest-utils or cloud-utils-growpart).',

  async *run({ files, disk }) {
    let hasTool = false
    for (const tool of TOOLS) hasTool ||= await files.exists(tool)
    if (!hasTool) yield { message: 'no program that grows a partition' }
    if (disk === undefined) yield { result: 'unknown', message: `where the root partition is: ${NO_DISK}` }
    else if (disk.isRootLast === undefined)
      yield { result: 'unknown', message: 'the root filesystem is not on a partition' }
    else if (!disk.isRootLast) yield { message: 'the root partition is not the last one' }
  },
}
