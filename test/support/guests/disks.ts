import { mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { makeExt, makeXfs } from './disks/filesystems.ts'
import { makePhysicalVolume } from './disks/lvm.ts'
import { makeDisk } from './disks/partitions.ts'

/**
 * Makes a raw disk with one ext4 partition that holds a folder, without mounting anything. The first
 * sector has boot code unless `boots` is false.
 */
export async function makeExt4Disk(path: string, folder: string, { boots = true } = {}): Promise<void> {
  await makeFromParts(path, 'raw', async (part) => {
    await makeExt(part('root'), folder)
    return { table: 'dos', partitions: [{ content: part('root'), type: '83' }], boots }
  })
}

/** Makes a VMDK with XFS on the logical volume root of the volume group vg-a, which holds a folder. */
export async function makeXfsOnLvm(path: string, folder: string, { boots = true } = {}): Promise<void> {
  await makeFromParts(path, 'vmdk', async (part) => {
    await makeXfs(part('root'), folder)
    makePhysicalVolume(part('volume'), part('root'), 'vg-a', 'root')
    return { table: 'dos', partitions: [{ content: part('volume'), type: '8e' }], boots }
  })
}

/**
 * Makes a disk in a format of qemu-img.
 *
 * @param makeParts makes the files of the partitions in a temporary folder, in which `part` names files.
 */
export async function makeFromParts(
  path: string,
  format: string,
  makeParts: (part: (name: string) => string) => Promise<Parameters<typeof makeDisk>[1]>,
): Promise<void> {
  const folder = mkdtempSync(join(dirname(path), 'parts-'))
  const raw = join(folder, 'disk')
  try {
    await makeDisk(raw, await makeParts((name) => join(folder, name)))
    await execa('qemu-img', ['convert', '-f', 'raw', '-O', format, raw, path])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
