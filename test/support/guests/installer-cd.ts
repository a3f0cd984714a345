import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { makeKernelFolder } from './disks/busybox.ts'

const MODULES = ['virtio_pci', 'virtio_blk', 'ata_piix', 'sr_mod', 'isofs']
const INSTALL = `until [ -b /dev/sr0 ] && [ -b /dev/vda ]; do sleep 1; done
mount -t iso9660 -o ro /dev/sr0 /cd
zcat /cd/disk.gz >/dev/vda
sync
poweroff -f`

/**
 * Makes a CD that boots with GRUB, copies a guest to the first disk without any questions, and powers off.
 *
 * @param disk a disk image of the guest.
 */
export async function makeInstallerCd(path: string, disk: string): Promise<void> {
  const tree = mkdtempSync(join(dirname(path), 'cd-'))
  try {
    await makeKernelFolder(join(tree, 'boot'), MODULES, {
      applets: ['poweroff', 'sleep', 'sync', 'zcat'],
      folders: ['/cd', '/proc'],
      script: INSTALL,
    })
    mkdirSync(join(tree, 'boot/grub'))
    writeFileSync(
      join(tree, 'boot/grub/grub.cfg'),
      'linux16 /boot/vmlinuz console=ttyS0\ninitrd16 /boot/initrd\nboot\n',
    )
    const raw = join(tree, 'disk')
    await execa('qemu-img', ['convert', '-O', 'raw', disk, raw])
    await execa('gzip', ['-1', raw])
    await execa('grub-mkrescue', ['-d', '/usr/lib/grub/i386-pc', '-o', path, tree])
  } finally {
    rmSync(tree, { recursive: true, force: true })
  }
}
