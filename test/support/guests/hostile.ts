import { randomBytes } from 'node:crypto'
import { truncateSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { execa } from 'execa'
import { runGuestfish } from './disks/guestfish.ts'
import { type Entries, link, newGuest, SYSTEMD } from './guests.ts'

const MIB = 2 ** 20
/** Bytes of an ext4 block here. */
const BLOCK = 1024

/** A guest that wants to be read for hours, or to make its reader look elsewhere. */
function hostileEntries(canary: string): Entries {
  return {
    ...SYSTEMD,
    '/etc/passwd': link('/../../etc/passwd'),
    '/etc/shadow': link(canary),
    '/etc/resolv.conf': link(`../../../../../../../../../..${canary}`),
    '/etc/fstab': 'LABEL=var /var ext4 defaults 0 2\n',
    '/etc/machine-id': { size: 2 ** 40 },
    '/etc/network/interfaces': { fifo: true },
    '/etc/NetworkManager/system-connections/a\n\u001b[31mred.nmconnection':
      '[connection]\ntype=ethernet\n[ethernet]\nmac-address=52:54:00:12:34:56\n',
    '/etc/hostname': link('circle'),
    '/etc/circle': link('/etc/hostname'),
    '/boot/grub/.keep': '',
    '/var/log/.keep': '',
  }
}

/**
 * Makes a disk with a hostile guest, whose /var is on a second partition with a damaged ext4, and whose
 * configuration of GRUB is a device.
 */
export async function makeHostileDisk(path: string, canary: string): Promise<void> {
  writeFileSync(path, '')
  truncateSync(path, 64 * MIB)
  await execa('sfdisk', ['-q', path], { input: 'label: dos\n2048,65536,83,*\n69632,,83\n' })
  const guest = newGuest(hostileEntries(canary))
  await makeExt4(path, MIB, '32M', ['-d', guest.path])
  guest.remove()
  // With a path, mknod would make a name that contains slashes.
  await execa('debugfs', ['-w', `${path}?offset=${MIB}`], { input: 'cd /boot/grub\nmknod grub.cfg c 1 5\n' })
  await makeExt4(path, 34 * MIB, '28M', ['-L', 'var'])
  await damageInodes(path, 34 * MIB)
}

/** Makes an ext4 filesystem in a part of a disk. */
export async function makeExt4(path: string, offset: number, size: string, more: readonly string[]): Promise<void> {
  const options = ['-q', '-F', '-t', 'ext4', '-b', String(BLOCK), '-E', `offset=${offset}`]
  await execa('mke2fs', [...options, ...more, path, size])
}

/** Writes random bytes over the inodes of the root folder of an ext4 filesystem. */
export async function damageInodes(path: string, offset: number): Promise<void> {
  const { stdout } = await execa('debugfs', ['-R', 'show_super_stats', `${path}?offset=${offset}`])
  const block = Number(/inode table at (\d+)/.exec(stdout)?.[1])
  const disk = await open(path, 'r+')
  await disk.write(randomBytes(8 * BLOCK), 0, 8 * BLOCK, offset + block * BLOCK)
  await disk.close()
}

/** Makes a disk with a guest that has many names in /etc/network/interfaces.d, with libguestfs. */
export async function makeManyNames(path: string, count: number): Promise<void> {
  const guest = newGuest({ ...SYSTEMD, '/etc/network/interfaces': 'source /etc/network/interfaces.d/*\n' })
  const tar = `${path}.tar`
  const script =
    'mkdir -p "$1/etc/network/interfaces.d" && cd "$1/etc/network/interfaces.d" && seq "$2" | xargs touch && cd "$1" && tar -cf "$3" .'
  await execa('sh', ['-c', script, 'sh', guest.path, String(count), tar])
  guest.remove()
  writeFileSync(path, '')
  await makeExt4(path, 0, '600M', ['-N', String(count + 1000)])
  await runGuestfish(path, 'raw', ['mount /dev/sda /', `tar-in ${tar} /`])
}
