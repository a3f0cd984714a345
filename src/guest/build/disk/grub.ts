import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { holding } from '../../../disk/remove/held.ts'
import { failed } from '../inside/run-inside.ts'
import type { RunTool } from './run-tool.ts'

/** GRUB for BIOS, of the package grub-pc-bin. */
export const GRUB_FOLDER = '/usr/lib/grub/i386-pc'
/** What reads the configuration and the kernel, and prints to the serial console. */
const MODULES = ['biosdisk', 'part_msdos', 'ext2', 'normal', 'linux', 'configfile', 'serial', 'terminal']
const SECTOR = 512
/** Bytes of the largest part of GRUB: what fits between the first sector and the partition. */
const LARGEST = 2047 * SECTOR

/** GRUB at the start of a disk. */
interface Loader {
  /** The first sector, without a partition table. */
  boot: Buffer
  /** What it loads from the next sectors. */
  core: Buffer
}

/**
 * Makes GRUB for a disk. It reads /boot/grub/grub.cfg on the first partition.
 *
 * @param folder a folder of this process, in which a file is left.
 * @throws VdcError BUILD_FAILED.
 */
export async function makeGrub(folder: string, run: RunTool): Promise<Loader> {
  const path = join(folder, 'core.img')
  const prefix = '(hd0,msdos1)/boot/grub'
  await run('grub-mkimage', ['-d', GRUB_FOLDER, '-O', 'i386-pc', '-p', prefix, '-o', path, ...MODULES])
  return { boot: await bytesOf(join(GRUB_FOLDER, 'boot.img')), core: await bytesOf(path) }
}

async function bytesOf(path: string): Promise<Buffer> {
  return holding(await open(path), async (file) => {
    const { size } = await file.stat()
    if (size > LARGEST) throw failed(`${path} is larger than the ${LARGEST} bytes before the partition`)
    return file.readFile()
  })
}
