import { type Entries, link, program, script } from './guests.ts'

const KEY = '-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----\n'

/**
 * A guest as Wakame-vdc's guide finds it before its steps: CentOS 5 as an operator installed it by hand,
 * with each fault that the guide and its neighbours name, and that a folder can show.
 */
export const FAULTS: Entries = {
  '/etc/redhat-release': 'CentOS release 5.5 (Final)\n',
  '/etc/inittab': 'id:3:initdefault:\nsi::sysinit:/etc/rc.d/rc.sysinit\n',
  '/sbin/init': program,
  '/bin/bash': program,
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\noperator:x:500:500::/home/operator:/bin/bash\n',
  '/etc/shadow': 'root:$1$salt$hash:14000:0:99999:7:::\noperator::14000:0:99999:7:::\n',
  '/boot/vmlinuz-2.6.18-194.el5': 'kernel',
  '/boot/initrd-2.6.18-194.el5.img': 'initrd',
  '/boot/config-2.6.18-194.el5': 'CONFIG_VIRTIO_BLK=m\nCONFIG_VIRTIO_NET=m\nCONFIG_HOTPLUG_PCI_ACPI=m\n',
  '/boot/grub/menu.lst':
    'default=0\ntitle CentOS (2.6.18-194.el5)\n\troot (hd0,0)\n\tkernel /boot/vmlinuz-2.6.18-194.el5 ro root=/dev/sda1\n\tinitrd /boot/initrd-2.6.18-194.el5.img\n',
  '/lib/modules/2.6.18-194.el5/modules.dep':
    '/lib/modules/2.6.18-194.el5/kernel/drivers/pci/hotplug/acpiphp.ko:\n/lib/modules/2.6.18-194.el5/kernel/fs/nfs/nfs.ko:\n',
  '/etc/fstab': '/dev/sda1 / ext3 defaults 1 1\n/dev/sda2 swap swap defaults 0 0\nnas:/iso /mnt/iso nfs defaults 0 0\n',
  '/etc/sysconfig/network-scripts/ifcfg-eth0':
    '# Intel Corporation 82540EM\nDEVICE=eth0\nBOOTPROTO=static\nHWADDR=52:54:00:12:34:56\nIPADDR=192.168.0.5\nNETMASK=255.255.255.0\nONBOOT=yes\n',
  '/etc/udev/rules.d/70-persistent-net.rules':
    '# PCI device 0x8086:0x100e (e1000)\nSUBSYSTEM=="net", DRIVERS=="?*", ATTR{address}=="52:54:00:12:34:56", NAME="eth0"\n',
  '/lib/udev/rules.d/75-persistent-net-generator.rules': 'ACTION!="add", GOTO="persistent_net_generator_end"\n',
  '/etc/resolv.conf': 'search builder.example\nnameserver 192.168.0.1\n',
  '/usr/sbin/sshd': program,
  '/etc/rc.d/rc3.d/S08iptables': link('../init.d/iptables'),
  '/etc/sysconfig/iptables': '*filter\n:INPUT DROP [0:0]\nCOMMIT\n',
  '/etc/ssh/ssh_host_key': KEY,
  '/etc/ssh/ssh_host_rsa_key': KEY,
  '/etc/ssh/ssh_host_rsa_key.pub': 'ssh-rsa AAAA\n',
  '/var/lib/dbus/machine-id': '0123456789abcdef0123456789abcdef\n',
  '/var/lib/random-seed': 'seed',
  '/etc/rc.local': { text: '#!/bin/sh\ntouch /var/lock/subsys/local\n', mode: 0o644 },
  '/var/lib/cloud/instances/i-1/user-data.txt': '',
  '/root/.ssh/authorized_keys': 'ssh-rsa AAAAB3 operator@builder\n',
  '/root/.ssh/id_rsa': KEY,
  '/root/.bash_history': 'passwd\n',
  '/home/operator/.aws/credentials': '[default]\naws_secret_access_key = x\n',
  '/var/log/messages': 'Jan  1 00:00:00 builder kernel: Linux\n',
  '/var/log/messages.1.gz': 'x',
  '/var/cache/yum/base/primary.xml.gz': 'x',
  '/var/lib/dhclient/dhclient-eth0.leases': 'lease {}\n',
  '/var/spool/mail/root': 'From root\n',
  '/var/spool/cron/operator': '@daily backup\n',
  '/var/crash/core': 'x',
}

/** A guest in which only what needs a disk is unknown: Debian, prepared with a metadata script. */
export const READY: Entries = {
  '/etc/os-release': 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  '/lib': link('usr/lib'),
  '/sbin': link('usr/sbin'),
  '/usr/lib/systemd/systemd': program,
  '/usr/sbin/init': link('../lib/systemd/systemd'),
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
  '/etc/shadow': 'root:*:19000:0:99999:7:::\n',
  '/root/.bashrc': '',
  '/boot/vmlinuz-6.1.0-18-cloud-amd64': 'kernel',
  '/boot/initrd.img-6.1.0-18-cloud-amd64': 'initrd',
  '/boot/config-6.1.0-18-cloud-amd64': 'CONFIG_VIRTIO_BLK=m\nCONFIG_VIRTIO_NET=m\nCONFIG_HOTPLUG_PCI_ACPI=y\n',
  '/boot/grub/grub.cfg': '\tlinux\t/boot/vmlinuz-6.1.0-18-cloud-amd64 root=UUID=1 ro console=ttyS0\n',
  '/usr/lib/modules/6.1.0-18-cloud-amd64/modules.dep':
    'kernel/drivers/block/virtio_blk.ko: x\nkernel/drivers/net/virtio_net.ko: x\n',
  '/etc/initramfs-tools/initramfs.conf': 'MODULES=most\n',
  '/etc/network/interfaces': 'auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet dhcp\n',
  '/etc/udev/rules.d/70-persistent-net.rules': link('/dev/null'),
  '/etc/resolv.conf': 'nameserver 9.9.9.9\n',
  '/usr/sbin/sshd': program,
  '/usr/bin/growpart': program,
  '/usr/lib/systemd/system/ssh.service': '[Service]\nExecStart=/usr/sbin/sshd -D\n',
  '/etc/systemd/system/multi-user.target.wants/ssh.service': link('/lib/systemd/system/ssh.service'),
  '/etc/systemd/system/metadata.service':
    '[Unit]\nBefore=ssh.service sshd.service ssh.socket\n[Service]\nType=oneshot\nExecStart=/usr/local/sbin/metadata\n',
  '/etc/systemd/system/multi-user.target.wants/metadata.service': link('/etc/systemd/system/metadata.service'),
  '/usr/local/sbin/metadata': script('ssh-keygen -A\ncurl -s http://169.254.169.254/latest/meta-data/'),
  '/etc/machine-id': '',
  '/var/log/syslog': '',
}
