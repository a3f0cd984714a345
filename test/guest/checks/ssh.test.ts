import { describeCheck, link, program, SYSVINIT, script } from '../../support/guests/guests.ts'

const SSHD = { '/usr/sbin/sshd': program }
const CLOUD_INIT = { '/usr/bin/cloud-init': program }
const UNIT = { '/usr/lib/systemd/system/ssh.service': '[Service]\nExecStart=/usr/sbin/sshd -D\n' }
const ENABLED = { '/etc/systemd/system/multi-user.target.wants/ssh.service': link('/lib/systemd/system/ssh.service') }

/** Debian's unit, since Debian 13. */
const FIRST_BOOT = {
  '/usr/lib/systemd/system/sshd-keygen.service':
    '[Unit]\nConditionFirstBoot=yes\nBefore=ssh.service sshd.service\n[Service]\nExecStart=ssh-keygen -A\n',
  '/etc/systemd/system/ssh.service.wants/sshd-keygen.service': link('/usr/lib/systemd/system/sshd-keygen.service'),
}

/** A unit of an image that makes host keys, by a script. */
const keysUnit = (before: string) => ({
  '/etc/systemd/system/keys.service': `[Unit]\n${before}\n[Service]\nType=oneshot\nExecStart=-/bin/sh /usr/local/lib/keys.sh\n`,
  '/etc/systemd/system/multi-user.target.wants/keys.service': link('../keys.service'),
  '/usr/local/lib/keys.sh': '[ -f /etc/ssh/ssh_host_rsa_key ] || ssh-keygen -A\n',
})

describeCheck('ssh.hostkeys', {
  ok: [
    { title: 'no SSH server', guest: {} },
    { title: 'a unit before sshd', guest: { ...SSHD, ...keysUnit('Before=ssh.service sshd.service ssh.socket') } },
    { title: 'cloud-init', guest: { ...SSHD, ...CLOUD_INIT, '/etc/cloud/cloud.cfg': 'datasource_list: [Ec2]\n' } },
    {
      title: 'a unit for the first boot, which systemd finds by the machine ID',
      guest: { ...SSHD, ...FIRST_BOOT, '/etc/machine-id': 'uninitialized\n' },
    },
    { title: 'CentOS 7', guest: { ...SSHD, '/usr/lib/systemd/system/sshd-keygen.service': '[Service]\n' } },
    {
      title: 'an init script of CentOS 5',
      base: SYSVINIT,
      guest: {
        ...SSHD,
        '/etc/init.d/sshd': script('ssh-keygen -q -t rsa1'),
        '/etc/rc.d/rc3.d/S55sshd': link('../init.d/sshd'),
      },
    },
    { title: 'rc.local without systemd', base: SYSVINIT, guest: { ...SSHD, '/etc/rc.local': script('ssh-keygen -A') } },
  ],
  bad: [
    {
      title: 'keys',
      guest: {
        ...SSHD,
        '/etc/ssh/ssh_host_rsa_key': 'PRIVATE',
        '/etc/ssh/ssh_host_rsa_key.pub': 'ssh-rsa',
        '/etc/ssh/ssh_host_ed25519_key': '',
        '/etc/dropbear/dropbear_rsa_host_key': 'x',
      },
      evidence: ['error /etc/ssh/ssh_host_rsa_key', 'error /etc/dropbear/dropbear_rsa_host_key'],
    },
    {
      title: 'nothing that makes keys',
      guest: { ...SSHD, ...UNIT, '/etc/rc.local': { text: '#!/bin/sh\nssh-keygen -A\n', mode: 0o644 } },
      evidence: ['error nothing makes host keys at the first boot, so sshd will not start'],
    },
    {
      title: 'a unit for the first boot, and an empty machine ID, with which no boot is the first one',
      guest: { ...SSHD, ...FIRST_BOOT, '/etc/machine-id': '' },
      evidence: ['error nothing makes host keys at the first boot, so sshd will not start'],
    },
    {
      title: 'cloud-init that finds no metadata, and so does not run',
      guest: { ...SSHD, ...CLOUD_INIT, '/etc/cloud/cloud.cfg': 'datasource_list: [NoCloud, Ec2, None]\n' },
      evidence: ['error nothing makes host keys at the first boot, so sshd will not start'],
    },
    {
      title: 'keys by rc.local, which runs after sshd',
      guest: {
        ...SSHD,
        '/etc/rc.local': script('/usr/local/bin/first-boot'),
        '/usr/local/bin/first-boot': script('dpkg-reconfigure -f noninteractive openssh-server'),
      },
      evidence: ['warning host keys are made at boot, but sshd may start before'],
    },
    {
      title: 'a unit without an order',
      guest: { ...SSHD, ...keysUnit('After=network.target') },
      evidence: ['warning host keys are made at boot, but sshd may start before'],
    },
  ],
  unknown: [{ title: 'a loop of links', guest: { '/etc/ssh': link('../etc/ssh') }, message: /loop of links/ }],
})

describeCheck('ssh.server', {
  ok: [
    { title: 'systemd', guest: { ...SSHD, ...UNIT, ...ENABLED } },
    {
      title: 'systemd, by a socket',
      guest: {
        ...SSHD,
        '/usr/lib/systemd/system/ssh.socket': '[Socket]\n',
        '/etc/systemd/system/sockets.target.wants/ssh.socket': link('/lib/systemd/system/ssh.socket'),
      },
    },
    { title: 'sysvinit', base: SYSVINIT, guest: { ...SSHD, '/etc/rc.d/rc3.d/S55sshd': link('../init.d/sshd') } },
    {
      title: 'upstart',
      base: SYSVINIT,
      guest: { ...SSHD, '/etc/init/ssh.conf': 'exec /usr/sbin/sshd -D\n', '/sbin/initctl': program },
    },
    { title: 'OpenRC', base: SYSVINIT, guest: { ...SSHD, '/etc/runlevels/default/sshd': link('/etc/init.d/sshd') } },
    {
      title: 'busybox',
      base: SYSVINIT,
      guest: {
        '/usr/sbin/dropbear': link('../bin/dropbearmulti'),
        '/usr/bin/dropbearmulti': program,
        '/etc/inittab': '::respawn:/usr/sbin/dropbear -F\n',
      },
    },
  ],
  bad: [
    { title: 'none', guest: {}, evidence: ['warning no SSH server'] },
    { title: 'not enabled', guest: { ...SSHD, ...UNIT }, evidence: ['warning /usr/sbin/sshd'] },
    {
      title: 'masked, although an init script would start it',
      guest: {
        ...SSHD,
        ...UNIT,
        ...ENABLED,
        '/etc/systemd/system/ssh.service': link('/dev/null'),
        '/etc/rc3.d/S55ssh': link('../init.d/ssh'),
      },
      evidence: ['warning /usr/sbin/sshd'],
    },
    {
      title: 'stopped by a file',
      guest: { ...SSHD, ...UNIT, ...ENABLED, '/etc/ssh/sshd_not_to_be_run': '' },
      evidence: ['warning /etc/ssh/sshd_not_to_be_run'],
    },
    {
      title: 'upstart, by hand only',
      base: SYSVINIT,
      guest: { ...SSHD, '/etc/init/ssh.conf': '# starts it\n', '/etc/init/ssh.override': 'manual\n' },
      evidence: ['warning /usr/sbin/sshd'],
    },
  ],
  unknown: [
    {
      title: 'a unit that is a folder',
      guest: { ...SSHD, '/usr/lib/systemd/system/ssh.service/x': '' },
      message: /ssh\.service is a folder, not a file$/,
    },
  ],
})

/** Links that start a service. */
const enabled = (name: string) => ({
  [`/usr/lib/systemd/system/${name}.service`]: '[Service]\n',
  [`/etc/systemd/system/multi-user.target.wants/${name}.service`]: link(`/lib/systemd/system/${name}.service`),
})
const IPTABLES =
  '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\nCOMMIT\n'

describeCheck('ssh.firewall', {
  ok: [
    { title: 'none', guest: SSHD },
    {
      title: 'ufw with SSH',
      guest: {
        ...SSHD,
        '/etc/ufw/ufw.conf': 'ENABLED=yes\n',
        '/etc/ufw/user.rules': '-A ufw-user-input -p tcp --dport 22 -j ACCEPT\n',
      },
    },
    {
      title: 'firewalld with its own zone',
      guest: {
        ...SSHD,
        ...enabled('firewalld'),
        '/usr/lib/firewalld/zones/public.xml': '<zone>\n  <service name="ssh"/>\n</zone>\n',
      },
    },
    {
      title: 'iptables of CentOS 6',
      base: SYSVINIT,
      guest: {
        ...SSHD,
        '/etc/rc.d/rc3.d/S08iptables': link('../init.d/iptables'),
        '/etc/sysconfig/iptables': IPTABLES.replace(
          '-A INPUT -j',
          '-A INPUT -m state --state NEW -m tcp -p tcp --dport 22 -j ACCEPT\n-A INPUT -j',
        ),
      },
    },
    {
      title: 'rules that are not loaded',
      guest: { ...SSHD, '/etc/sysconfig/iptables': IPTABLES, '/etc/ufw/ufw.conf': 'ENABLED=no\n' },
    },
    {
      title: 'nftables with SSH',
      guest: {
        ...SSHD,
        ...enabled('nftables'),
        '/etc/nftables.conf':
          'table inet filter {\n chain input {\n type filter hook input priority 0; policy drop;\n tcp dport { 80, ssh } accept\n }\n}\n',
      },
    },
  ],
  bad: [
    { title: 'ufw', guest: { ...SSHD, '/etc/ufw/ufw.conf': 'ENABLED=yes\n' }, evidence: ['warning /etc/ufw/ufw.conf'] },
    {
      title: 'firewalld with another zone',
      guest: {
        ...SSHD,
        ...enabled('firewalld'),
        '/etc/firewalld/firewalld.conf': '# comment\nDefaultZone=drop\n',
        '/usr/lib/firewalld/zones/drop.xml': '<zone target="DROP">\n</zone>\n',
      },
      evidence: ['warning /usr/lib/firewalld/zones/drop.xml'],
    },
    {
      title: 'iptables',
      guest: { ...SSHD, ...enabled('iptables'), '/etc/sysconfig/iptables': IPTABLES },
      evidence: ['warning /etc/sysconfig/iptables:4 -A INPUT -j REJECT --reject-with icmp-host-prohibited'],
    },
  ],
  unknown: [
    {
      title: 'nftables',
      guest: {
        ...SSHD,
        ...enabled('nftables'),
        '/etc/nftables.conf': 'type filter hook input priority 0; policy drop;\n',
      },
      message: /^whether the rules of nftables let SSH in$/,
    },
  ],
  notApplicable: [{ title: 'no SSH server', guest: {}, message: /^there is no SSH server$/ }],
})
