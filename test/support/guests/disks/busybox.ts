import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { execa, execaSync } from 'execa'
import { makeFromParts } from '../disks.ts'
import { type Entries, fill, folder, link, script } from '../guests.ts'
import { makeExt } from './filesystems.ts'
import { grubSectors } from './grub.ts'

const BUSYBOX = '/bin/busybox'
/** What the kernel needs to mount the root filesystem and to use the network. */
const MODULES = ['virtio_pci', 'virtio_blk', 'virtio_net', 'ext4', 'crc32c_generic']

/** What a guest has beside busybox and a kernel. */
interface MicroSystem {
  entries: Entries
  /** Kernel modules that are loaded at boot, beside those for disks and the network. */
  modules?: readonly string[]
  /** Programs of this host, which are copied together with their libraries. */
  programs?: readonly string[]
  /** Whether the disk has a boot loader. Default: true. */
  boots?: boolean
}

/**
 * Makes a raw disk with busybox and the kernel of this host, which boots with GRUB to a login prompt on the
 * serial console, and asks for an address by DHCP.
 */
export async function makeBusyboxDisk(path: string): Promise<void> {
  await makeMicroDisk(path, { entries: FILES })
}

/** Makes a raw disk with busybox and the kernel of this host, which boots with GRUB and runs /sbin/init. */
export async function makeMicroDisk(
  path: string,
  { entries, modules: more = [], programs = [], boots = true }: MicroSystem,
): Promise<void> {
  const root = mkdtempSync(join(dirname(path), 'busybox-'))
  try {
    const release = releaseOfHost()
    fill(root, { ...entries, ...bootFiles(release) })
    mkdirSync(join(root, 'bin'), { recursive: true })
    copyFileSync(BUSYBOX, join(root, 'bin/busybox'))
    for (const each of programs) copyWithLibraries(each, root)
    copyFileSync(`/boot/vmlinuz-${release}`, join(root, `boot/vmlinuz-${release}`))
    copyFileSync(`/boot/config-${release}`, join(root, `boot/config-${release}`))
    const modules = await addModules(root, release, [...MODULES, ...more])
    await makeInitramfs(root, join(root, `boot/initrd.img-${release}`), modules)
    await makeFromParts(path, 'raw', async (part) => {
      await makeExt(part('root'), root)
      return {
        table: 'dos',
        partitions: [{ content: part('root'), type: '83' }],
        boots: boots && (await grubSectors(part('core'))),
      }
    })
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

function releaseOfHost(): string {
  const release = readdirSync('/lib/modules').find((name) => existsSync(`/boot/vmlinuz-${name}`))
  if (release === undefined) throw new Error('This host has no kernel: install linux-image-cloud-amd64')
  return release
}

const APPLETS = ['cat', 'getty', 'hostname', 'ifconfig', 'login', 'mount', 'mkdir', 'route', 'sh', 'udhcpc']

const FILES: Entries = {
  ...Object.fromEntries(APPLETS.map((name) => [`/bin/${name}`, link('busybox')])),
  '/sbin/init': link('../bin/busybox'),
  '/sbin/getty': link('../bin/busybox'),
  '/etc/inittab': '::sysinit:/etc/init.d/rcS\nttyS0::respawn:/sbin/getty -L ttyS0 115200 vt100\n',
  '/etc/init.d/rcS': script(
    'mount -t proc proc /proc\nmount -t sysfs sysfs /sys\nhostname -F /etc/hostname\nudhcpc -b -i eth0 -s /etc/udhcpc.script',
  ),
  '/etc/udhcpc.script': script(
    'case $1 in\ndeconfig) ifconfig "$interface" 0.0.0.0 up;;\nbound) ifconfig "$interface" "$ip" netmask "$subnet";;\nesac',
  ),
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
  '/etc/shadow': 'root:*:19000:0:99999:7:::\n',
  '/etc/hostname': 'micro\n',
  '/dev': { folder: true },
  '/proc': { folder: true },
  '/sys': { folder: true },
  '/root': { folder: true },
}

const bootFiles = (release: string): Entries => ({
  '/boot/grub/grub.cfg': `linux16 /boot/vmlinuz-${release} root=/dev/vda1 ro console=ttyS0\ninitrd16 /boot/initrd.img-${release}\nboot\n`,
})

/** Copies the modules, in the order in which they are loaded. Returns their paths. */
async function addModules(root: string, release: string, names: readonly string[]): Promise<string[]> {
  const { stdout } = await execa('modprobe', ['-S', release, '--show-depends', '--all', ...names])
  const modules = [...new Set([...stdout.matchAll(/^insmod (\S+)/gm)].map(([, path]) => path as string))]
  const lists = ['modules.builtin', 'modules.order'].map((name) => `/lib/modules/${release}/${name}`)
  for (const path of [...modules, ...lists]) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    copyFileSync(path, join(root, path))
  }
  await execa('depmod', ['-b', root, release])
  return modules
}

/** Copies a program to its place in a folder, with the libraries that it is linked with. */
function copyWithLibraries(program: string, root: string): void {
  const { stdout } = execaSync('ldd', [program], { reject: false })
  for (const path of [program, ...[...stdout.matchAll(/\/\S+/g)].map(([library]) => library)]) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    copyFileSync(path, join(root, path))
  }
}

/** Makes an initramfs that loads the modules and mounts the root filesystem. */
async function makeInitramfs(root: string, path: string, modules: readonly string[]): Promise<void> {
  await packInitramfs(path, root, modules, {
    applets: ['mount', 'sleep', 'switch_root'],
    folders: ['/new'],
    script:
      'until [ -b /dev/vda1 ]; do sleep 1; done\nmount -t ext4 -o ro /dev/vda1 /new\nmount -o move /dev /new/dev\nexec switch_root /new /sbin/init',
  })
}

/** What an initramfs does after it has loaded its modules. */
interface InitramfsStart {
  /** Of busybox, beside those that load modules. */
  applets: readonly string[]
  /** Empty folders. */
  folders: readonly string[]
  script: string
}

/** Makes an initramfs of busybox and of modules below `root`, which are loaded in this order. */
async function packInitramfs(
  path: string,
  root: string,
  modules: readonly string[],
  { applets, folders, script: start }: InitramfsStart,
): Promise<void> {
  const tree = mkdtempSync(`${root}-initramfs-`)
  const load = modules.map((each) => `insmod ${each}`).join('\n')
  fill(tree, {
    ...Object.fromEntries(['insmod', 'mount', 'sh', ...applets].map((name) => [`/bin/${name}`, link('busybox')])),
    ...Object.fromEntries(['/dev', ...folders].map((name) => [name, folder])),
    '/init': script(`export PATH=/bin\nmount -t devtmpfs dev /dev\n${load}\n${start}`),
  })
  copyFileSync(BUSYBOX, join(tree, 'bin/busybox'))
  for (const each of modules) {
    mkdirSync(dirname(join(tree, each)), { recursive: true })
    copyFileSync(join(root, each), join(tree, each))
  }
  const pack = `cd "$1" && find . | ${basename(BUSYBOX)} cpio -o -H newc 2>/dev/null | gzip -c >"$2"`
  await execa('sh', ['-c', pack, 'sh', tree, path])
  rmSync(tree, { recursive: true, force: true })
}

/**
 * Makes a folder with a kernel, and an initramfs that runs a script with busybox: `vmlinuz` and `initrd`.
 *
 * @param names of kernel modules, which are loaded first.
 */
export async function makeKernelFolder(path: string, names: readonly string[], start: InitramfsStart): Promise<void> {
  const release = releaseOfHost()
  const root = mkdtempSync(`${path}-modules-`)
  try {
    mkdirSync(path)
    copyFileSync(`/boot/vmlinuz-${release}`, join(path, 'vmlinuz'))
    await packInitramfs(join(path, 'initrd'), root, await addModules(root, release, names), start)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
