import { describeCheck, link, SYSVINIT, script } from '../../support/guests/guests.ts'

const IFCFG = '/etc/sysconfig/network-scripts/ifcfg-eth0'
const NM = '/etc/NetworkManager/system-connections'
const RULES = '/etc/udev/rules.d/70-persistent-net.rules'

describeCheck('net.dhcp', {
  ok: [
    {
      title: 'interfaces(5)',
      guest: {
        '/etc/network/interfaces':
          'source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n  address 127.0.0.1\nallow-hotplug eth0\niface eth0 inet dhcp\n',
      },
    },
    { title: 'ifcfg', base: SYSVINIT, guest: { [IFCFG]: 'DEVICE=eth0\nBOOTPROTO="dhcp"\nONBOOT=yes\n' } },
    {
      title: 'ifcfg of the loopback and left-over files',
      base: SYSVINIT,
      guest: {
        [IFCFG]: 'BOOTPROTO=dhcp\n',
        '/etc/sysconfig/network-scripts/ifcfg-lo': 'IPADDR=127.0.0.1\n',
        '/etc/sysconfig/network-scripts/ifcfg-eth0.bak': 'IPADDR=192.168.0.5\n',
        '/etc/sysconfig/network-scripts/ifcfg-eth1~': 'IPADDR=192.168.0.5\n',
      },
    },
    {
      title: 'netplan',
      guest: {
        '/etc/netplan/01.yaml':
          'network:\n  version: 2\n  ethernets:\n    ens3:\n      dhcp4: true\n      addresses: []\n',
      },
    },
    { title: 'NetworkManager', guest: { [`${NM}/ens3.nmconnection`]: '[connection]\nid=ens3\n[ipv4]\nmethod=auto\n' } },
    {
      title: 'networkd, beside what systemd ships for containers',
      guest: {
        '/etc/systemd/network/10-all.network': '[Match]\nName=en*\n[Network]\nDHCP=yes\n',
        '/usr/lib/systemd/network/80-container-ve.network':
          '[Match]\nName=ve-*\nDriver=veth\n[Network]\nAddress=0.0.0.0/28\n',
      },
    },
    { title: 'a client in a script', base: SYSVINIT, guest: { '/etc/init.d/rcS': script('udhcpc -i eth0') } },
    { title: 'cloud-init', guest: { '/usr/bin/cloud-init': script('') } },
    {
      title: 'NetworkManager without a profile',
      guest: {
        '/usr/lib/systemd/system/NetworkManager.service': '[Service]\n',
        '/etc/systemd/system/multi-user.target.wants/NetworkManager.service': link(
          '/lib/systemd/system/NetworkManager.service',
        ),
      },
    },
  ],
  bad: [
    {
      title: 'interfaces(5), with a file that it includes',
      guest: {
        '/etc/network/interfaces':
          'auto eth0\niface eth0 inet \\\n  static\n  # comment\n  address 192.168.0.5/24\nsource-directory interfaces.d\n',
        '/etc/network/interfaces.d/eth1': 'auto eth1\niface eth1 inet6 static\n',
        '/etc/network/interfaces.d/eth2.old': 'iface eth2 inet static\n',
      },
      evidence: [
        'error /etc/network/interfaces:5 address 192.168.0.5/24',
        'error /etc/network/interfaces.d/eth1:2 iface eth1 inet6 static',
      ],
    },
    {
      title: 'interfaces(5), by a pattern',
      guest: {
        '/etc/network/interfaces': 'source interfaces.d/*.cfg\n',
        '/etc/network/interfaces.d/a.cfg': 'iface eth0 inet static\naddress 10.0.0.1\n',
        '/etc/network/interfaces.d/b': 'iface eth0 inet static\naddress 10.0.0.2\n',
      },
      evidence: ['error /etc/network/interfaces.d/a.cfg:2 address 10.0.0.1'],
    },
    {
      title: 'ifcfg',
      base: SYSVINIT,
      guest: { [IFCFG]: 'DEVICE=eth0\nBOOTPROTO=none\nIPADDR=192.168.0.5\nNETMASK=255.255.255.0\n' },
      evidence: [`error ${IFCFG}:3 IPADDR=192.168.0.5`],
    },
    {
      title: 'ifcfg that does not start',
      base: SYSVINIT,
      guest: { [IFCFG]: 'DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=no\n' },
      evidence: [`error ${IFCFG}:3 ONBOOT=no`],
    },
    {
      title: 'an interface without auto',
      guest: { '/etc/network/interfaces': 'iface eth0 inet dhcp\n' },
      evidence: ['error /etc/network/interfaces:1 iface eth0 inet dhcp, without auto'],
    },
    {
      title: 'netplan, once written by cloud-init',
      guest: {
        '/etc/netplan/01.yaml':
          'network:\n  ethernets:\n    ens3: &card\n      addresses: [192.168.0.5/24, {10.0.0.1/8: {label: x}}]\n    ens4: *card\n',
        '/etc/netplan/50-cloud-init.yaml':
          '# This file is generated from information provided by the datasource.\nnetwork:\n  bonds:\n    b:\n      addresses:\n      - 10.0.0.2/8\n',
      },
      evidence: [
        'error /etc/netplan/01.yaml:4 addresses: 192.168.0.5/24, 10.0.0.1/8',
        'error /etc/netplan/01.yaml:4 addresses: 192.168.0.5/24, 10.0.0.1/8',
        'warning /etc/netplan/50-cloud-init.yaml:5 addresses: 10.0.0.2/8',
      ],
    },
    {
      title: 'NetworkManager',
      guest: {
        [`${NM}/eth0`]:
          '[connection]\nid=eth0\n\n[ipv4]\nmethod=manual\naddress1=192.168.0.5/24,192.168.0.1\n[wifi-security]\npsk=secret\n',
      },
      evidence: [`error ${NM}/eth0:6 address1=192.168.0.5/24,192.168.0.1`],
    },
    {
      title: 'networkd',
      guest: {
        '/etc/systemd/network/a.network':
          '[Match]\nName=en*\n[Network]\nAddress=192.168.0.5/24\n[Address]\nAddress=10.0.0.1/8\n',
      },
      evidence: [
        'error /etc/systemd/network/a.network:4 Address=192.168.0.5/24',
        'error /etc/systemd/network/a.network:6 Address=10.0.0.1/8',
      ],
    },
  ],
  unknown: [
    { title: 'nothing', guest: {}, message: /^no network configuration was found$/ },
    {
      title: 'netplan that is not YAML',
      guest: { '/etc/netplan/x.yaml': 'a: [\n' },
      message: /^\/etc\/netplan\/x\.yaml is not valid YAML$/,
    },
    {
      title: 'netplan that is nested too deeply',
      guest: { '/etc/netplan/x.yaml': `a: ${'['.repeat(1000)}` },
      message: /nested too deeply$/,
    },
    {
      title: 'netplan whose aliases multiply',
      guest: {
        '/etc/netplan/x.yaml': `network:\n  ethernets:\n    a: &a0 {x: {y: 1}}\n${Array.from({ length: 14 }, (_, at) => `    b${at}: &a${at + 1} {x: *a${at}, y: *a${at}}\n`).join('')}`,
      },
      message: /is too large$/,
    },
    {
      title: 'a folder as a pattern',
      guest: { '/etc/network/interfaces': 'source /etc/network/*/eth0\n' },
      message: /by a pattern that is not supported/,
    },
  ],
})

describeCheck('net.mac', {
  ok: [
    { title: 'nothing', guest: {} },
    { title: 'rules linked to /dev/null, without devices', guest: { [RULES]: link('/dev/null') } },
    {
      title: 'a masked generator',
      guest: {
        [RULES]: '# empty\n',
        '/etc/udev/rules.d/75-persistent-net-generator.rules': link('/dev/null'),
        '/usr/lib/udev/rules.d/75-persistent-net-generator.rules': 'ACTION!="add", GOTO="end"\n',
      },
    },
    {
      title: 'a rule without an address, and words in place of addresses',
      guest: {
        [RULES]: 'SUBSYSTEM=="net", NAME="eth0"\n',
        '/etc/network/interfaces': 'auto eth0\niface eth0 inet dhcp\n  hwaddress ether random\n',
        [`${NM}/a`]: '[ethernet]\ncloned-mac-address=preserve\n',
      },
    },
  ],
  bad: [
    {
      title: 'ifcfg',
      base: SYSVINIT,
      guest: { [IFCFG]: 'DEVICE=eth0\nHWADDR=52:54:00:12:34:56\nBOOTPROTO=dhcp\n' },
      evidence: [`error ${IFCFG}:2 HWADDR=52:54:00:12:34:56`],
    },
    {
      title: 'udev rules, and the generator that wrote them',
      guest: {
        [RULES]:
          '# PCI device\nSUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{address}=="52:54:00:12:34:56", NAME="eth0"\n',
        '/usr/lib/udev/rules.d/75-persistent-net-generator.rules': 'ACTION!="add", GOTO="end"\n',
      },
      evidence: [
        `error ${RULES}:2 ATTR{address}=="52:54:00:12:34:56"`,
        'warning /usr/lib/udev/rules.d/75-persistent-net-generator.rules',
      ],
    },
    {
      title: "the guide's link to the mounted path",
      guest: { [RULES]: link('/mnt/lucid/dev/null') },
      evidence: [`warning ${RULES} /mnt/lucid/dev/null`],
    },
    {
      title: 'netplan, NetworkManager, networkd and interfaces(5)',
      guest: {
        '/etc/netplan/a.yaml': 'network:\n  ethernets:\n    a:\n      match: {macaddress: "52:54:00:12:34:56"}\n',
        [`${NM}/a.nmconnection`]: '[ethernet]\nmac-address=52:54:00:12:34:56\n',
        '/etc/systemd/network/a.link': '[Match]\nMACAddress=52:54:00:12:34:56\n',
        '/etc/network/interfaces': 'auto eth0\niface eth0 inet dhcp\nhwaddress ether 52:54:00:12:34:56\n',
      },
      evidence: [
        'error /etc/network/interfaces:3 hwaddress ether 52:54:00:12:34:56',
        'error /etc/netplan/a.yaml:4 macaddress: 52:54:00:12:34:56',
        `error ${NM}/a.nmconnection:2 mac-address=52:54:00:12:34:56`,
        'error /etc/systemd/network/a.link:2 MACAddress=52:54:00:12:34:56',
      ],
    },
  ],
  unknown: [{ title: 'a folder as rules', guest: { [`${RULES}/x`]: '' }, message: /rules is a folder, not a file$/ }],
})

describeCheck('net.resolv', {
  ok: [
    { title: 'none', guest: {} },
    {
      title: 'a public one, and a local one',
      guest: { '/etc/resolv.conf': '# nameserver 10.0.0.1\nnameserver 8.8.8.8\nnameserver 127.0.0.53\n' },
    },
    {
      title: 'a link to what is made at boot',
      guest: { '/etc/resolv.conf': link('../run/systemd/resolve/stub-resolv.conf') },
    },
  ],
  bad: [
    {
      title: 'private ones',
      guest: {
        '/etc/resolv.conf':
          'search example.org\nnameserver 192.168.0.1\nnameserver 172.31.0.2\nnameserver fe80::1%eth0\n',
      },
      evidence: [
        'warning /etc/resolv.conf:2 nameserver 192.168.0.1',
        'warning /etc/resolv.conf:3 nameserver 172.31.0.2',
        'warning /etc/resolv.conf:4 nameserver fe80::1%eth0',
      ],
    },
  ],
  unknown: [
    {
      title: 'a loop of links',
      guest: { '/etc/resolv.conf': link('resolv.conf') },
      message: /^\/etc\/resolv\.conf leads through a loop of links$/,
    },
  ],
})
