import type { Edit } from '../../prepare/edit.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import { Undecided } from '../../tree/undecided.ts'
import type { TreeRequest } from './tree-request.ts'

/** Places where distributions keep links to the newest kernel and its initramfs, also when the kernel is updated. */
const KERNELS = [
  { kernel: '/vmlinuz', initramfs: '/initrd.img' },
  { kernel: '/boot/vmlinuz', initramfs: '/boot/initrd.img' },
] as const

/** What systemd-resolved makes. */
const RESOLV = '../run/systemd/resolve/stub-resolv.conf'
/** The copy that the package systemd-resolved keeps of the file which mmdebstrap takes from the host. */
const RESOLV_OF_HOST = '/etc/.resolv.conf.systemd-resolved.bak'

const NETWORK = `# The first network interfaces get their addresses by DHCP.
[Match]
Name=en* eth*

[Network]
DHCP=yes
`

/**
 * Yields the edits that configure a new guest: boot loader, filesystem, network, host name, locale and keys.
 *
 * @throws Undecided if it has no kernel, or links that lead nowhere.
 */
export async function* configuring(
  files: GuestFiles,
  request: Pick<TreeRequest, 'filesystem' | 'hostName' | 'authorizedKeys'>,
): AsyncGenerator<Edit> {
  // Packages and the script may have made links of folders.
  for await (const edit of plainEdits(files, request)) yield { ...edit, path: await files.placeFor(edit.path) }
}

async function* plainEdits(
  files: GuestFiles,
  { filesystem, hostName, authorizedKeys }: Pick<TreeRequest, 'filesystem' | 'hostName' | 'authorizedKeys'>,
): AsyncGenerator<Edit> {
  yield { action: 'write', path: '/boot/grub/grub.cfg', text: grubConfig(await kernelIn(files), filesystem) }
  yield { action: 'write', path: '/etc/fstab', text: `UUID=${filesystem} / ext4 errors=remount-ro 0 1\n` }
  yield { action: 'write', path: '/etc/systemd/network/80-dhcp.network', text: NETWORK }
  yield { action: 'remove', path: RESOLV_OF_HOST }
  yield { action: 'link', path: '/etc/resolv.conf', target: RESOLV }
  yield { action: 'write', path: '/etc/hostname', text: `${hostName}\n` }
  yield { action: 'write', path: '/etc/default/locale', text: 'LANG=C.UTF-8\n' }
  if (authorizedKeys !== '')
    yield { action: 'write', path: '/root/.ssh/authorized_keys', text: authorizedKeys, mode: 0o600 }
}

async function kernelIn(files: GuestFiles): Promise<(typeof KERNELS)[number]> {
  for (const place of KERNELS) if (await files.exists(place.kernel)) return place
  throw new Undecided('it has no kernel')
}

/** Returns the configuration of GRUB. It names links, so updates of the kernel need not change it. */
function grubConfig({ kernel, initramfs }: (typeof KERNELS)[number], filesystem: string): string {
  return `serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=0
menuentry 'Linux' {
	linux ${kernel} root=UUID=${filesystem} ro console=tty0 console=ttyS0,115200
	initrd ${initramfs}
}
`
}
