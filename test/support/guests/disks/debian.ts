import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { makeFromParts } from '../disks.ts'
import { type Entries, fill } from '../guests.ts'
import { cached } from './cache.ts'
import { makeExt } from './filesystems.ts'
import { GRUB_MAKER, grubSectors } from './grub.ts'

const SUITE = 'bookworm'
const PACKAGES = [
  'dbus',
  'ifupdown',
  'iproute2',
  'isc-dhcp-client',
  'linux-image-cloud-amd64',
  'netbase',
  'openssh-server',
  'systemd-sysv',
  'udev',
]
const UUID = '22222222-bbbb-4bbb-8bbb-000000000001'

/**
 * Returns the path of a qcow2 image of Debian 12 with systemd, sshd and GRUB, which boots to a login prompt on
 * the serial console. It is as its packages leave it: with host keys, and without a metadata script. It takes
 * minutes to install from Debian's mirror, and is kept for later runs. Must not be changed.
 */
export function debianGuest(): Promise<string> {
  return cached('debian.qcow2', [import.meta.filename, GRUB_MAKER], async (path) => {
    const folder = mkdtempSync(join(dirname(path), 'debian-'))
    try {
      await install(folder)
      await makeFromParts(path, 'qcow2', async (part) => {
        await makeExt(part('root'), folder, { uuid: UUID, mib: 1024 })
        return {
          table: 'dos',
          partitions: [{ content: part('root'), type: '83' }],
          boots: await grubSectors(part('core')),
        }
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}

async function install(folder: string): Promise<void> {
  const tar = `${folder}.tar`
  await execa('mmdebstrap', ['--quiet', '--variant=minbase', `--include=${PACKAGES.join()}`, SUITE, tar])
  // Devices need root, and udev makes them.
  await execa('tar', ['-C', folder, '--exclude=./dev/*', '-xf', tar])
  rmSync(tar)
  const kernel = readdirSync(join(folder, 'boot')).find((name) => name.startsWith('vmlinuz-')) ?? ''
  fill(folder, configuration(kernel.replace('vmlinuz-', '')))
}

function configuration(release: string): Entries {
  return {
    '/boot/grub/grub.cfg': `set timeout=0
menuentry 'Debian GNU/Linux' {
	linux16 /boot/vmlinuz-${release} root=UUID=${UUID} ro net.ifnames=0 console=tty0 console=ttyS0,115200
	initrd16 /boot/initrd.img-${release}
}
`,
    '/etc/fstab': `UUID=${UUID} / ext4 errors=remount-ro 0 1\n`,
    '/etc/hostname': 'builder\n',
    '/etc/network/interfaces.d/eth0': 'auto eth0\niface eth0 inet dhcp\n',
    // mmdebstrap copies the name server of this host.
    '/etc/resolv.conf': 'nameserver 192.168.0.1\n',
  }
}
