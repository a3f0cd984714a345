import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'

/** This file, as a source of the disks that have GRUB. */
export const GRUB_MAKER = import.meta.filename

const FOLDER = '/usr/lib/grub/i386-pc'
/**
 * `linux16` starts a kernel by the 16-bit protocol. `linux` would first move all the memory that the kernel asks for,
 * 57 MB for Debian's, byte by byte: two of the six seconds of a boot under emulation.
 */
const MODULES = ['biosdisk', 'part_msdos', 'ext2', 'normal', 'linux16', 'configfile']

/**
 * Returns GRUB for the start of a disk: its boot sector, and what that loads from the next sectors. It reads
 * /boot/grub/grub.cfg on the first partition.
 *
 * @param temporary a path for a file, which is left.
 */
export async function grubSectors(temporary: string): Promise<Buffer> {
  const prefix = '(hd0,msdos1)/boot/grub'
  await execa('grub-mkimage', ['-d', FOLDER, '-O', 'i386-pc', '-p', prefix, '-o', temporary, ...MODULES])
  return Buffer.concat([readFileSync(join(FOLDER, 'boot.img')), readFileSync(temporary)])
}
