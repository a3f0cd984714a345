import { gzipSync } from 'node:zlib'
import type { GuestDisk } from '../../../src/guest/guest.ts'
import { cpio } from '../../support/guests/cpio.ts'
import { describeCheck, folder, link, program, SYSVINIT, script } from '../../support/guests/guests.ts'

const DISK: GuestDisk = {
  hasBootCode: true,
  hasEfiLoader: false,
  isRootLast: true,
  encrypted: [],
  roots: ['/dev/sda1'],
  filesystems: [{ uuid: '6a1b-C0DE', label: 'root', partUuid: 'beef-01' }],
}
const AS_MODULES = 'kernel/drivers/block/virtio_blk.ko: x\nkernel/drivers/net/virtio_net.ko: x\n'
const VIRTIO_BLK = 'lib/modules/6.1.0-18-amd64/kernel/drivers/block/virtio_blk.ko.xz'

const MODULES = '/usr/lib/modules/6.1.0-18-amd64'

describeCheck('boot.system', {
  ok: [
    { title: 'Debian', guest: {} },
    { title: 'CentOS 5', base: SYSVINIT, guest: {} },
    { title: 'busybox without a release', base: {}, guest: { '/etc/passwd': '', '/bin/sh': link('busybox') } },
  ],
  bad: [
    { title: 'an empty folder', base: {}, guest: { '/lost+found/x': '' }, evidence: ['error no operating system'] },
    {
      title: 'the folder above a system',
      base: {},
      guest: { '/rootfs/etc/os-release': 'ID=debian\n' },
      evidence: ['error no operating system in the root, but one in /rootfs'],
    },
    {
      title: 'the folder above several systems',
      base: {},
      guest: { '/a/etc/os-release': 'ID=debian\n', '/b/etc/os-release': 'ID=debian\n' },
      evidence: ['error several operating systems: /a, /b'],
    },
    { title: 'Linux and Windows', guest: { '/Windows/System32/x': '' }, evidence: ['error several operating systems'] },
    {
      title: 'several roots',
      guest: {},
      disk: { ...DISK, roots: ['/dev/sda1', '/dev/sda5'] },
      evidence: ['error several operating systems: /dev/sda1, /dev/sda5'],
    },
  ],
  unknown: [
    { title: 'Windows', base: {}, guest: { '/WINDOWS/system32/x': '' }, message: /^Windows is not checked$/ },
    { title: 'a loop of links', base: {}, guest: { '/etc': link('etc') }, message: /loop of links/ },
    {
      title: 'an encrypted root',
      base: {},
      guest: { '/vmlinuz': '' },
      disk: { ...DISK, encrypted: ['/dev/sda2'] },
      message: /^encrypted: \/dev\/sda2$/,
    },
  ],
})

describeCheck('boot.loader', {
  ok: [
    { title: 'an MBR', guest: {}, disk: DISK },
    { title: 'EFI', guest: {}, disk: { ...DISK, hasBootCode: false, hasEfiLoader: true } },
  ],
  bad: [
    {
      title: 'none',
      guest: {},
      disk: { ...DISK, hasBootCode: false },
      evidence: ['error no boot code in the MBR and no EFI boot loader'],
    },
  ],
  unknown: [{ title: 'a folder', guest: {}, message: /^a folder has no disk$/ }],
})

describeCheck('boot.kernel', {
  ok: [
    { title: 'Debian', guest: { '/boot/vmlinuz-6.1.0-18-amd64': 'kernel' } },
    { title: 'a link in the root', guest: { '/vmlinuz': link('boot/linux-1'), '/boot/linux-1': 'kernel' } },
    {
      title: 'kernel-install',
      guest: { '/boot/0123456789abcdef0123456789abcdef/6.1.0/linux': 'kernel' },
    },
  ],
  bad: [
    { title: 'none', guest: { '/boot/config-6.1.0': '' }, evidence: ['error /boot'] },
    { title: 'a link to nothing', guest: { '/vmlinuz': link('boot/vmlinuz-1') }, evidence: ['error /boot'] },
  ],
  unknown: [
    {
      title: 'a filesystem of its own',
      guest: { '/etc/fstab': 'UUID=1 /boot ext4 defaults 0 2\n', '/boot/efi/x': '' },
      message: /^\/boot is another filesystem$/,
    },
  ],
})

describeCheck('boot.virtio', {
  ok: [
    {
      title: 'built in',
      guest: {
        [`${MODULES}/modules.builtin`]: 'kernel/drivers/block/virtio_blk.ko\nkernel/drivers/net/virtio_net.ko\n',
        [`${MODULES}/modules.dep`]: '',
      },
    },
    {
      title: 'in an initramfs with most drivers',
      guest: {
        [`${MODULES}/modules.dep`]: 'kernel/drivers/block/virtio_blk.ko.xz: x\nkernel/drivers/net/virtio_net.ko: x\n',
        '/boot/initrd.img-6.1.0-18-amd64': 'x',
        '/etc/initramfs-tools/initramfs.conf': 'MODULES=most\n',
      },
    },
    {
      title: 'in an initramfs of dracut for any host',
      guest: {
        [`${MODULES}/modules.dep`]: 'kernel/drivers/block/virtio_blk.ko: x\nkernel/drivers/net/virtio_net.ko: x\n',
        '/boot/initramfs-6.1.0-18-amd64.img': 'x',
        '/usr/lib/dracut/dracut.conf.d/02-generic-image.conf': 'hostonly="no"\n',
      },
    },
    {
      title: 'in an initramfs behind microcode',
      guest: {
        [`${MODULES}/modules.dep`]: AS_MODULES,
        '/boot/initrd.img-6.1.0-18-amd64': {
          bytes: Buffer.concat([
            cpio(['kernel/x86/microcode.bin']),
            Buffer.alloc(512),
            gzipSync(cpio(['init', VIRTIO_BLK])),
          ]),
        },
      },
    },
    {
      title: 'in an initrd of openSUSE, whose name has no ending',
      guest: {
        [`${MODULES}/modules.dep`]: AS_MODULES,
        '/boot/initrd-6.1.0-18-amd64': { bytes: gzipSync(cpio(['init', 'kernel/drivers/block/virtio_blk.ko'])) },
      },
    },
    {
      title: 'in an initrd of mkinitrd',
      base: SYSVINIT,
      guest: {
        '/lib/modules/2.6.18/modules.dep':
          '/lib/modules/2.6.18/kernel/drivers/block/virtio_blk.ko: x\n/lib/modules/2.6.18/kernel/drivers/net/virtio_net.ko: x\n',
        '/boot/initrd-2.6.18.img': 'x',
        '/boot/config-2.6.18': '',
        '/etc/modprobe.conf': 'alias eth0 virtio_net\nalias scsi_hostadapter virtio_blk\n',
      },
    },
    {
      title: 'by the configuration of the kernel',
      guest: {
        [`${MODULES}/kernel/x`]: '',
        '/boot/config-6.1.0-18-amd64': '# comment\nCONFIG_VIRTIO_BLK=y\nCONFIG_VIRTIO_NET=y\n',
      },
    },
  ],
  bad: [
    {
      title: 'no drivers',
      guest: {
        [`${MODULES}/modules.dep`]: 'kernel/fs/ext4.ko:\n',
        [`${MODULES}/modules.builtin`]: 'kernel/fs/xfs.ko\n',
      },
      evidence: [`error ${MODULES}`, `error ${MODULES}`],
    },
    {
      title: 'an initramfs without the module',
      guest: {
        [`${MODULES}/modules.dep`]: AS_MODULES,
        '/boot/initrd.img-6.1.0-18-amd64': { bytes: gzipSync(cpio(['init', 'kernel/drivers/ata/ata_piix.ko'])) },
      },
      evidence: ['error /boot/initrd.img-6.1.0-18-amd64'],
    },
    {
      title: 'a module without an initramfs',
      guest: {
        [`${MODULES}/modules.dep`]: 'kernel/drivers/block/virtio_blk.ko: x\nkernel/drivers/net/virtio_net.ko: x\n',
      },
      evidence: [`error ${MODULES}`],
    },
  ],
  unknown: [
    { title: 'no modules', guest: {}, message: /no folder of kernel modules/ },
    {
      title: 'an initramfs for one host',
      guest: {
        [`${MODULES}/modules.dep`]: 'kernel/drivers/block/virtio_blk.ko: x\nkernel/drivers/net/virtio_net.ko: x\n',
        '/boot/initrd.img-6.1.0-18-amd64': 'x',
        '/etc/initramfs-tools/initramfs.conf': 'MODULES=dep\n',
      },
      message: /^nothing tells whether the initramfs/,
    },
    ...[
      cpio(['init']).subarray(0, -200),
      gzipSync(cpio(['init'])).subarray(0, -20),
      gzipSync('no archive'),
      Buffer.from('\xfd7zXZ\0'),
    ].map((bytes, number) => ({
      title: `an initramfs that is damaged or packed in another way, ${number + 1}`,
      guest: { [`${MODULES}/modules.dep`]: AS_MODULES, '/boot/initrd.img-6.1.0-18-amd64': { bytes } },
      message: /^nothing tells whether the initramfs/,
    })),
    { title: 'modules without lists', guest: { [`${MODULES}/kernel/x`]: '' }, message: /nothing tells whether kernel/ },
  ],
})

describeCheck('boot.fstab', {
  ok: [
    { title: 'none', guest: {} },
    {
      title: 'by UUID, with a CD-ROM that is not mounted',
      guest: {
        '/etc/fstab':
          '# comment\nUUID=6A1B-c0de / ext4 errors=remount-ro 0 1\nLABEL=root /x ext4\nPARTUUID=BEEF-01 /y ext4\n/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0\nproc /proc proc defaults 0 0\n/dev/mapper/vg-swap none swap sw\n',
      },
      disk: DISK,
    },
    { title: 'a network filesystem with nofail', guest: { '/etc/fstab': 'nas:/x /srv nfs nofail 0 0\n' } },
    { title: 'virtio by name', guest: { '/etc/fstab': '/dev/vda1 / ext4\n' } },
  ],
  bad: [
    {
      title: 'names that depend on the host',
      guest: {
        '/etc/fstab':
          '/dev/sda1 / ext4 defaults 0 1\n/dev/hda2 none swap sw 0 0\n/dev/sdb1 /x ext4 nofail\n/dev/disk/by-id/ata-QEMU /y ext4\n',
      },
      evidence: [
        'error /etc/fstab:1 /dev/sda1 /',
        'error /etc/fstab:4 /dev/disk/by-id/ata-QEMU /y',
        'warning /etc/fstab:2 /dev/hda2 none',
        'warning /etc/fstab:3 /dev/sdb1 /x',
      ],
    },
    {
      title: 'network filesystems',
      guest: { '/etc/fstab': 'nas:/x /srv nfs4 defaults\n//nas/y\\040z /y cifs defaults\n' },
      evidence: ['warning /etc/fstab:1 nas:/x /srv', 'warning /etc/fstab:2 //nas/y z /y'],
    },
    {
      title: 'a filesystem that does not exist',
      guest: { '/etc/fstab': 'UUID=1234 / ext4\n' },
      disk: DISK,
      evidence: ['error /etc/fstab:1 UUID=1234 /'],
    },
    {
      title: 'a boot loader that names a device',
      guest: { '/boot/grub/menu.lst': 'title x\n  kernel /boot/vmlinuz ro root=/dev/sda1\n' },
      evidence: ['error /boot/grub/menu.lst:2 root=/dev/sda1'],
    },
  ],
  unknown: [
    { title: 'a UUID in a folder', guest: { '/etc/fstab': 'UUID=1 / ext4\n' }, message: /a folder has no disk/ },
    { title: 'a folder as fstab', guest: { '/etc/fstab/x': '' }, message: /^\/etc\/fstab is a folder, not a file$/ },
  ],
})

describeCheck('boot.console', {
  ok: [
    {
      title: 'GRUB 2',
      guest: {
        '/boot/grub/grub.cfg': 'menuentry x {\n\tlinux\t/vmlinuz root=UUID=1 ro console=tty0 console=ttyS0,115200\n}\n',
      },
    },
    {
      title: 'entries with variables',
      guest: {
        '/boot/loader/entries/a.conf': 'title x\noptions $kernelopts\n',
        '/boot/grub2/grubenv': '# GRUB Environment Block\nkernelopts=root=UUID=1 console=ttyS0\n#####',
      },
    },
    {
      title: 'inittab',
      base: SYSVINIT,
      guest: { '/etc/inittab': 'T0:23:respawn:/sbin/getty -L ttyS0 115200 vt100\n' },
    },
    {
      title: 'a unit',
      guest: {
        '/usr/lib/systemd/system/serial-getty@.service': '[Service]\n',
        '/etc/systemd/system/getty.target.wants/serial-getty@ttyS0.service': link(
          '/lib/systemd/system/serial-getty@.service',
        ),
      },
    },
  ],
  bad: [
    {
      title: 'GRUB 2 without',
      guest: { '/boot/grub/grub.cfg': '#\nlinux /vmlinuz root=UUID=1 ro quiet\n' },
      evidence: ['warning /boot/grub/grub.cfg:2'],
    },
    {
      title: 'a comment in inittab',
      base: SYSVINIT,
      guest: { '/etc/inittab': '#T0:23:respawn:/sbin/getty -L ttyS0\n', '/boot/extlinux.conf': 'append ro\n' },
      evidence: ['warning /boot/extlinux.conf:1'],
    },
  ],
  unknown: [{ title: 'no boot loader', guest: {}, message: /^no configuration of a boot loader was found$/ }],
})

describeCheck('mod.acpiphp', {
  ok: [
    {
      title: 'built in',
      guest: { [`${MODULES}/x`]: '', '/boot/config-6.1.0-18-amd64': 'CONFIG_HOTPLUG_PCI_ACPI=y\n' },
    },
    {
      title: 'loaded',
      guest: {
        [`${MODULES}/modules.dep`]: 'kernel/drivers/pci/hotplug/acpiphp.ko: x\n',
        '/etc/modules': '# comment\nacpiphp\n',
      },
    },
    {
      title: 'loaded by a script of CentOS 5',
      guest: {
        [`${MODULES}/modules.dep`]: 'kernel/drivers/pci/hotplug/acpiphp.ko: x\n',
        '/etc/sysconfig/modules/hotplug.modules': script('/sbin/modprobe acpiphp'),
      },
    },
  ],
  bad: [
    {
      title: 'not loaded',
      guest: {
        [`${MODULES}/modules.dep`]: 'kernel/drivers/pci/hotplug/acpiphp.ko: x\n',
        '/etc/modules': '# acpiphp\nloop\n',
      },
      evidence: [`warning ${MODULES}`],
    },
    {
      title: 'neither',
      guest: {
        [`${MODULES}/modules.dep`]: '',
        '/boot/config-6.1.0-18-amd64': '# CONFIG_HOTPLUG_PCI_ACPI is not set\n',
      },
      evidence: [`warning ${MODULES}`],
    },
  ],
  unknown: [
    { title: 'no modules', guest: {}, message: /no folder of kernel modules/ },
    {
      title: 'a kernel without its configuration',
      guest: { [`${MODULES}/modules.dep`]: '', [`${MODULES}/modules.builtin`]: '' },
      message: /^nothing tells whether kernel 6\.1\.0-18-amd64 has acpiphp$/,
    },
  ],
})

describeCheck('disk.grow', {
  ok: [
    { title: 'growpart and a last partition', guest: { '/usr/bin/growpart': program }, disk: DISK },
    {
      title: 'systemd-repart with a definition',
      guest: { '/usr/bin/systemd-repart': program, '/etc/repart.d/root.conf': '[Partition]\nType=root\n' },
      disk: DISK,
    },
  ],
  bad: [
    {
      title: 'swap after the root',
      guest: { '/usr/bin/growpart': program },
      disk: { ...DISK, isRootLast: false },
      evidence: ['note the root partition is not the last one'],
    },
    { title: 'no growpart', guest: {}, disk: DISK, evidence: ['note no program that grows a partition'] },
    {
      title: 'systemd-repart without definitions, as Debian has it',
      guest: { '/usr/bin/systemd-repart': program, '/etc/repart.d': folder },
      disk: DISK,
      evidence: ['note no program that grows a partition'],
    },
  ],
  unknown: [
    { title: 'a folder', guest: { '/usr/bin/growpart': program }, message: /a folder has no disk$/ },
    {
      title: 'LVM',
      guest: { '/usr/bin/growpart': program },
      disk: {
        filesystems: [],
        hasBootCode: true,
        hasEfiLoader: false,
        isRootLast: undefined,
        encrypted: [],
        roots: [],
      },
      message: /not on a partition/,
    },
  ],
})
