import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { makeFromParts } from '../disks.ts'
import { newGuest } from '../guests.ts'
import { cached } from './cache.ts'
import { makeBtrfs } from './filesystems.ts'
import { runGuestfish } from './guestfish.ts'
import { OPENSUSE, OPENSUSE_HOME, UUIDS } from './trees.ts'

const TREES = join(import.meta.dirname, 'trees.ts')

/** Makes a qcow2 image of OPENSUSE. mkfs.btrfs makes no subvolumes, so libguestfs does; the image is kept for later runs. */
export async function makeBtrfsWithSubvolumes(path: string): Promise<void> {
  copyFileSync(await cached('btrfs.qcow2', [import.meta.filename, TREES], make), path)
}

async function make(path: string): Promise<void> {
  const [empty, root, home] = [newGuest({}), newGuest(OPENSUSE), newGuest(OPENSUSE_HOME)]
  await makeFromParts(path, 'qcow2', async (part) => {
    await makeBtrfs(part('root'), empty.path, { uuid: UUIDS.root })
    return { table: 'dos', partitions: [{ content: part('root'), type: '83' }], boots: true }
  })
  const commands = ['mount /dev/sda1 /']
  for (const [name, { path: folder }] of [['@', root] as const, ['@home', home] as const]) {
    await execa('tar', ['-C', folder, '-cf', `${folder}.tar`, '.'])
    commands.push(`btrfs-subvolume-create /${name}`, `tar-in ${folder}.tar /${name}`)
  }
  await runGuestfish(path, 'qcow2', commands)
  for (const guest of [empty, root, home]) guest.remove()
}
