import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { execa } from 'execa'

const MIB = 2 ** 20
/** Where the partition starts, in bytes. */
const START = MIB
/** jmp to itself: enough of a boot loader for a check, which does not run it. */
const BOOT_CODE = Buffer.from([0xeb, 0xfe])

/**
 * Makes a raw disk with one ext4 partition that holds a folder, without mounting anything. The first
 * sector has boot code unless `boots` is false.
 */
export async function makeExt4Disk(path: string, folder: string, { boots = true } = {}): Promise<void> {
  writeFileSync(path, '')
  truncateSync(path, 64 * MIB)
  await execa('sfdisk', ['-q', path], { input: 'label: dos\n2048,,83,*\n' })
  await execa('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', folder, '-E', `offset=${START}`, path, '60M'])
  if (!boots) return
  const disk = openSync(path, 'r+')
  writeSync(disk, BOOT_CODE, 0, BOOT_CODE.length, 0)
  closeSync(disk)
}

/** Makes a VMDK with XFS on a logical volume that holds a folder, with libguestfs. */
export async function makeXfsOnLvm(path: string, folder: string): Promise<void> {
  const tar = `${path}.tar`
  await execa('tar', ['-C', folder, '-cf', tar, '.'])
  await execa('qemu-img', ['create', '-q', '-f', 'vmdk', path, '600M'])
  const commands = [
    'run',
    'part-disk /dev/sda mbr',
    'pvcreate /dev/sda1',
    'vgcreate vg-a /dev/sda1',
    'lvcreate-free root vg-a 90',
    'mkfs xfs /dev/vg-a/root',
    'mount /dev/vg-a/root /',
    `tar-in ${tar} /`,
  ]
  await execa('guestfish', ['--format=vmdk', '-a', path], {
    input: `${commands.join('\n')}\n`,
    env: { LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' },
  })
}
