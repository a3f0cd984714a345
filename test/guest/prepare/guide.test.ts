import { expect, test } from 'vitest'
import { CHECKS } from '../../../src/guest/checks/index.ts'
import type { CheckReport } from '../../../src/guest/run-checks.ts'
import { FolderTree } from '../../../src/guest/tree/folder-tree.ts'
import { type Entries, link, newGuest, SYSTEMD, SYSVINIT } from '../../support/guests/guests.ts'
import { FAULTS, READY } from '../../support/guests/guide.ts'
import { prepare, reportsOn } from '../../support/guests/prepare.ts'

/** Formats what is wrong in reports, one line per finding. */
function faultsIn(reports: readonly CheckReport[]): string[] {
  return reports
    .filter(({ result }) => result !== 'not_applicable')
    .flatMap(({ check, evidence }) =>
      evidence.map(({ result, message, path, line }) => {
        const place = [path, line].filter((part) => part !== null).join(':')
        return `${check} ${result}: ${message} ${place}`.trim()
      }),
    )
}

/** What is left to people, as prepare cannot know what is wanted. */
const LEFT = [
  'boot.loader unknown: a folder has no disk',
  'boot.virtio error: kernel 2.6.18-194.el5 has no driver for virtio disks /lib/modules/2.6.18-194.el5',
  'boot.virtio error: kernel 2.6.18-194.el5 has no driver for virtio network cards /lib/modules/2.6.18-194.el5',
  'boot.fstab error: the device name depends on the host /etc/fstab:1',
  'boot.fstab error: the device name of the root filesystem depends on the host /boot/grub/menu.lst:4',
  'boot.fstab warning: the device name depends on the host /etc/fstab:2',
  'boot.fstab warning: a network filesystem is mounted without nofail /etc/fstab:3',
  'boot.console warning: no serial console /boot/grub/menu.lst:4',
  'net.dhcp error: the configuration has a static address /etc/sysconfig/network-scripts/ifcfg-eth0:4',
  'ssh.server warning: the SSH server does not start at boot /usr/sbin/sshd',
  'ssh.firewall warning: the firewall does not open the port of SSH /etc/sysconfig/iptables:2',
  'secret.passwords error: an account needs no password /etc/shadow:2',
  'secret.passwords warning: an account has a password /etc/shadow:1',
  'disk.grow unknown: where the root partition is: a folder has no disk',
  'disk.grow note: no program that grows a partition',
]
const REMEDIED = [
  'net.mac error: the configuration names the MAC address of a card /etc/sysconfig/network-scripts/ifcfg-eth0:4',
  'net.mac error: a udev rule names the MAC address of a card /etc/udev/rules.d/70-persistent-net.rules:2',
  'net.mac warning: udev will record the MAC address of the first instance /lib/udev/rules.d/75-persistent-net-generator.rules',
  'net.resolv warning: a name server of a private network is left /etc/resolv.conf:2',
  'ssh.hostkeys error: SSH host keys are left /etc/ssh/ssh_host_key',
  'ssh.hostkeys error: SSH host keys are left /etc/ssh/ssh_host_rsa_key',
  'init.metadata error: nothing gets the metadata',
  'id.machine-id error: the machine ID of D-Bus is not empty /var/lib/dbus/machine-id:1',
  'id.seed warning: a random seed or secret of the builder is left /var/lib/random-seed',
  'init.cloud-state warning: state of an earlier instance /var/lib/cloud/instances/i-1',
  'mod.acpiphp warning: kernel 2.6.18-194.el5 does not load acpiphp at boot /lib/modules/2.6.18-194.el5',
  'secret.keys error: somebody may log in with a key /root/.ssh/authorized_keys:1',
  'secret.keys error: a private key is left /root/.ssh/id_rsa',
  'secret.history warning: histories are left /root/.bash_history',
  'secret.tokens error: credentials are left (Amazon) /home/operator/.aws/credentials',
  'log.files note: log files are left /var/log',
  'pkg.cache note: a package cache is left /var/cache/yum',
  'dhcp.leases note: DHCP leases are left /var/lib/dhclient',
  'spool.mail note: mail is left /var/spool/mail',
  'spool.cron note: cron or at jobs are left /var/spool/cron',
  'spool.crash note: crash data is left /var/crash',
]

const scriptEdits = (name: string, order: string) => [
  `write /usr/local/sbin/${name} 755`,
  `write /etc/rc.d/init.d/${name} 755`,
  ...[2, 3, 4, 5].map((level) => `link /etc/rc.d/rc${level}.d/${order}${name} ../init.d/${name}`),
]

test("the guide's guest has all faults before, and after it only those that are left to people", async () => {
  const guest = newGuest(FAULTS)
  const tree = await FolderTree.open(guest.path)
  const before = faultsIn(await reportsOn({ tree, disk: undefined }, CHECKS))
  await tree.close()
  guest.remove()
  const { lines, texts, again, reports, made } = await prepare(FAULTS, { base: {}, init: 'auto' })
  // The line without the MAC address moves others up.
  expect(before.sort()).toEqual(
    [...LEFT, ...REMEDIED].map((fault) => fault.replace(/(static address .*):4$/, '$1:5')).sort(),
  )
  expect(faultsIn(reports).sort()).toEqual([...LEFT].sort())
  expect(made).toEqual(reports)
  expect(again).toEqual([])
  expect(lines).toEqual([
    'write /etc/sysconfig/network-scripts/ifcfg-eth0',
    'link /etc/udev/rules.d/70-persistent-net.rules /dev/null',
    'empty /etc/resolv.conf',
    'remove /etc/ssh/ssh_host_key',
    'remove /etc/ssh/ssh_host_rsa_key',
    'remove /etc/ssh/ssh_host_rsa_key.pub',
    ...scriptEdits('vdc-hostkeys', 'S12'),
    'remove /var/lib/dbus/machine-id',
    'remove /var/lib/random-seed',
    ...scriptEdits('vdc-metadata', 'S99'),
    'remove /var/lib/cloud/instances',
    'write /etc/rc.modules 755',
    'remove /root/.ssh/authorized_keys',
    'remove /root/.ssh/id_rsa',
    'remove /root/.bash_history',
    'remove /home/operator/.aws/credentials',
    'empty /var/log/messages',
    'remove /var/log/messages.1.gz',
    'remove /var/cache/yum/base/primary.xml.gz',
    'remove /var/lib/dhclient/dhclient-eth0.leases',
    'empty /var/spool/mail/root',
    'remove /var/spool/cron/operator',
    'remove /var/crash/core',
  ])
  expect(texts['/etc/sysconfig/network-scripts/ifcfg-eth0']).toBe(
    '# Intel Corporation 82540EM\nDEVICE=eth0\nBOOTPROTO=static\nIPADDR=192.168.0.5\nNETMASK=255.255.255.0\nONBOOT=yes\n',
  )
})

test('a guest that is ready is not changed', async () => {
  expect((await prepare(READY, { base: {}, init: 'auto' })).lines).toEqual([])
})

/** Entries that are drawn for guests, beside those of the guide. */
const DRAWN: Entries = {
  ...FAULTS,
  '/etc/machine-id': '0123\n',
  '/etc/resolv.conf': 'nameserver 10.0.0.1\r\nnameserver 9.9.9.9\r\nsearch x',
  '/etc/modules': 'loop',
  '/etc/selinux/config': 'SELINUX=enforcing\n',
  '/etc/network/interfaces':
    'auto a\niface a inet dhcp\nhwaddress ether 1:2:3:4:5:6\niface b inet dhcp\nhwaddress 1:2:3:4:5:7',
  '/etc/netplan/a.yaml': 'network: {ethernets: {a: {match: {macaddress: "x"}, macaddress: "y"}}}\n',
  '/etc/netplan/b.yaml': 'network:\n  ethernets:\n    a: &a\n      macaddress: x\n    b: *a\n',
  '/etc/netplan/c.yaml': '[',
  '/etc/NetworkManager/system-connections/a': '[wifi]\nmac-address=1:2:3:4:5:6\nmac-address=1;2;3;4;5;6\n',
  '/etc/systemd/network/a.network': '[Match]\nMACAddress=1\nMACAddress=2\n[Match]\n',
  '/etc/systemd/network/b.link': '[Match]\nMACAddress=1 \\\n 2\n[Link]\nMACAddress=1',
  '/etc/sysconfig/network/ifcfg-a': "HWADDR='1'2\nMACADDR=\"1\nLLADDR=x;y\nHWADDR=3",
  '/etc/sysconfig/clock': 'x',
  '/etc/localtime': link('nowhere'),
  '/usr/share/zoneinfo/UTC': 'TZif',
  '/root/.zsh_history': link('../etc/passwd'),
  '/root/.ssh/authorized_keys2': link('authorized_keys'),
  '/home/operator/.netrc': { size: 2 ** 40 },
  '/home/operator/.npmrc': '_auth=x',
  '/var/lib/cloud/instance': link('instances/i-1'),
  '/var/lib/cloud/sem/x': '',
  '/var/log/journal/0123456789abcdef0123456789abcdef/x': 'x',
  '/var/log/lastlog': { size: 2 ** 40 },
  '/var/log/x\n': 'x',
  '/var/mail': link('spool/mail'),
  '/var/spool/abrt/a/b': 'x',
}

/** Draws the same numbers on each run (a linear congruential generator). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 16_807) % (2 ** 31 - 1)
    return state / (2 ** 31 - 1)
  }
}

test.each(Array.from({ length: 12 }, (_, seed) => seed + 1))(
  'planning twice changes nothing: guest %i',
  async (seed) => {
    const random = generator(seed * 7919)
    const drawn = Object.fromEntries(Object.entries(DRAWN).filter(() => random() < 0.6))
    const base = [SYSTEMD, SYSVINIT, READY][seed % 3] as Entries
    const options = {
      keepKeys: random() < 0.3,
      nameservers: random() < 0.5 ? ['9.9.9.9', '2620:fe::fe'] : [],
      timezone: '/usr/share/zoneinfo/UTC' in drawn ? 'UTC' : undefined,
    }
    const { lines, again, reports, made } = await prepare(drawn, { base, init: 'auto', ...options })
    expect(lines.length).toBeGreaterThan(10)
    expect(again).toEqual([])
    expect(made).toEqual(reports)
    const remedied = CHECKS.filter(({ id, prepare }) => prepare !== undefined && id !== 'mod.acpiphp').map(
      ({ id }) => id,
    )
    for (const { check, result, message } of reports.filter((report) => remedied.includes(report.check)))
      if (!(check === 'secret.keys' && options.keepKeys))
        expect([check, message, result]).toEqual([
          check,
          message,
          expect.stringMatching(/^(?:ok|unknown|not_applicable)$/),
        ])
  },
)
