import { NO_DISK } from '../../guest.ts'
import { Undecided } from '../../tree/undecided.ts'
import type { GuestCheck } from '../check.ts'

export const loader: GuestCheck = {
  id: 'boot.loader',
  severity: 'error',
  requirement: 'The disk has a boot loader.',
  looksAt: 'the first sector of the disk, the EFI system partition',
  remedy: 'Install a boot loader, for example with grub-install.',

  async *run({ disk }) {
    if (disk === undefined) throw new Undecided(NO_DISK)
    if (!disk.hasBootCode && !disk.hasEfiLoader) yield { message: 'no boot code in the MBR and no EFI boot loader' }
  },
}
