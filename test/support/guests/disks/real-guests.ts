import { symlinkSync } from 'node:fs'
import { execa } from 'execa'
import { makeFromParts, makeXfsOnLvm } from '../disks.ts'
import { type Entries, newGuest, SYSTEMD, SYSVINIT } from '../guests.ts'
import { FAULTS } from '../guide.ts'
import { makeBtrfsWithSubvolumes } from './btrfs.ts'
import { makeBusyboxDisk } from './busybox.ts'
import { debianGuest } from './debian.ts'
import { makeBtrfs, makeExt, makeFat, makeLuks, makeNtfs, makeSwap } from './filesystems.ts'
import { CENTOS, FEDORA, FEDORA_BOOT, UUIDS } from './trees.ts'

/** Makes a disk image at a path. */
type MakeDisk = (path: string) => Promise<void>

/** Runs `work` with a folder that holds a guest, and removes it. */
async function withFolder<T>(entries: Entries, work: (folder: string) => Promise<T>): Promise<T> {
  const guest = newGuest(entries)
  try {
    return await work(guest.path)
  } finally {
    guest.remove()
  }
}

/** Disks by the names of their files. They are made without root rights. */
export const REAL_GUESTS: Readonly<Record<string, MakeDisk>> = {
  'debian.qcow2': async (path) => symlinkSync(await debianGuest(), path),

  'busybox.raw': makeBusyboxDisk,

  'opensuse-btrfs.qcow2': makeBtrfsWithSubvolumes,

  'centos-xfs-on-lvm.vmdk': (path) => withFolder(CENTOS, (folder) => makeXfsOnLvm(path, folder)),

  'fedora-efi-btrfs.qcow2': (path) =>
    makeFromParts(path, 'qcow2', async (part) => {
      const loader = { '/EFI/BOOT/BOOTX64.EFI': 'MZ', '/EFI/fedora/grub.cfg': 'configfile (hd0,gpt2)/grub2/grub.cfg\n' }
      await withFolder(loader, (folder) => makeFat(part('efi'), folder, { uuid: UUIDS.efi.replace('-', '') }))
      await withFolder(FEDORA_BOOT, (folder) => makeExt(part('boot'), folder, { uuid: UUIDS.boot, mib: 16 }))
      await withFolder(FEDORA, (folder) => makeBtrfs(part('root'), folder, { uuid: UUIDS.root }))
      const types = { efi: 'U', boot: 'L', root: 'L' }
      const partitions = Object.entries(types).map(([name, type]) => ({ content: part(name), type }))
      return { table: 'gpt', partitions }
    }),

  'sysvinit-ext4.qcow2': (path) =>
    makeFromParts(path, 'qcow2', async (part) => {
      await withFolder(FAULTS, (folder) => makeExt(part('root'), folder))
      await makeSwap(part('swap'))
      const partitions = [
        { content: part('root'), type: '83' },
        { content: part('swap'), type: '82' },
      ]
      return { table: 'dos', partitions, boots: true }
    }),

  'no-system.raw': (path) =>
    makeFromParts(path, 'raw', async (part) => {
      await withFolder({ '/readme': 'no system', '/etc/motd': 'x' }, (folder) => makeExt(part('data'), folder))
      return { table: 'dos', partitions: [{ content: part('data'), type: '83' }] }
    }),

  'empty.vdi': async (path) => void (await execa('qemu-img', ['create', '-q', '-f', 'vdi', path, '64M'])),

  'dual-boot.raw': (path) =>
    makeFromParts(path, 'raw', async (part) => {
      await withFolder(SYSTEMD, (folder) => makeExt(part('one'), folder))
      await withFolder(SYSVINIT, (folder) => makeExt(part('other'), folder, { type: 'ext3' }))
      const partitions = ['one', 'other'].map((name) => ({ content: part(name), type: '83' }))
      return { table: 'dos', partitions, boots: true }
    }),

  'encrypted.qcow2': (path) =>
    makeFromParts(path, 'qcow2', async (part) => {
      const boot = { '/vmlinuz-6.1.0-18-amd64': 'kernel', '/grub/grub.cfg': 'linux /vmlinuz root=/dev/mapper/root\n' }
      await withFolder(boot, (folder) => makeExt(part('boot'), folder, { mib: 16 }))
      await makeLuks(part('root'))
      const partitions = ['boot', 'root'].map((name) => ({ content: part(name), type: '83' }))
      return { table: 'dos', partitions, boots: true }
    }),

  'windows.vhd': (path) =>
    makeFromParts(path, 'vpc', async (part) => {
      const windows = { '/Windows/System32/ntoskrnl.exe': 'MZ', '/Windows/explorer.exe': 'MZ', '/pagefile.sys': 'x' }
      await withFolder(windows, (folder) => makeNtfs(part('c'), folder))
      return { table: 'dos', partitions: [{ content: part('c'), type: '7' }], boots: true }
    }),

  'swap.raw': async (path) => makeSwap(path, { mib: 64 }),
}
