import { mkdirSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bytesOf } from '../../../src/guest/tree/guest-path.ts'
import { type Entries, folder, link, program, SYSVINIT } from '../../support/guests/guests.ts'
import { prepare } from '../../support/guests/prepare.ts'
import { some } from '../../support/thorough.ts'

const ID = '0123456789abcdef0123456789abcdef\n'
const KEY = '-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----\n'
const PUBLIC = 'ssh-rsa AAAA me\n'

/** A case of a check: the guest, and the edits that make it right. */
type Case = [title: string, entries: Entries, lines: string[]]

/** Prepares a guest for one check, after which it must find nothing, and nothing is left to do. */
function describePrepare(id: string, cases: readonly Case[]): void {
  test.each(cases)(`${id}: %s`, async (_, entries, lines) => {
    const planned = await prepare(entries, { only: [id] })
    expect(planned.lines).toEqual(lines)
    expect(planned.again).toEqual([])
    expect(planned.reports[0]?.result).toMatch(/^(?:ok|not_applicable)$/)
    expect(planned.made).toEqual(planned.reports)
  })
}

/** The entries that make SYSTEMD a guest of another kind. */
const OLD: Entries = { ...SYSVINIT, '/lib': folder, '/etc/os-release': '' }

describePrepare('id.machine-id', [
  [
    'both',
    { '/etc/machine-id': ID, '/var/lib/dbus/machine-id': ID },
    ['empty /etc/machine-id', 'link /var/lib/dbus/machine-id /etc/machine-id'],
  ],
  ['missing', {}, ['empty /etc/machine-id 444']],
  ['a link to nothing', { '/etc/machine-id': link('/run/id') }, ['empty /etc/machine-id 444']],
  [
    'that of D-Bus alone',
    { '/var/lib/dbus/machine-id': ID },
    ['empty /etc/machine-id 444', 'link /var/lib/dbus/machine-id /etc/machine-id'],
  ],
  ['without systemd', { ...OLD, '/var/lib/dbus/machine-id': ID }, ['remove /var/lib/dbus/machine-id']],
  [
    'one through the other',
    { '/etc/machine-id': link('/var/lib/dbus/machine-id'), '/var/lib/dbus/machine-id': ID },
    ['empty /var/lib/dbus/machine-id'],
  ],
  [
    'a link of D-Bus elsewhere',
    { '/etc/machine-id': '', '/var/lib/dbus/machine-id': link('/x'), '/x': ID },
    ['link /var/lib/dbus/machine-id /etc/machine-id'],
  ],
  ['empty', { '/etc/machine-id': 'uninitialized\n', '/var/lib/dbus/machine-id': link('/etc/machine-id') }, []],
])

describePrepare('id.seed', [
  [
    'some',
    { '/var/lib/random-seed': 'x', '/var/lib/systemd/random-seed': { size: 2 ** 40 }, '/etc/hostid': '' },
    ['remove /var/lib/systemd/random-seed', 'remove /var/lib/random-seed'],
  ],
  ['a link', { '/var/lib/random-seed': link('/etc/passwd') }, ['remove /var/lib/random-seed']],
])

describePrepare('init.cloud-state', [
  [
    'of an instance, beside scripts',
    {
      '/var/lib/cloud/instance': link('/var/lib/cloud/instances/i-1'),
      '/var/lib/cloud/instances/i-1/x': '',
      '/var/lib/cloud/data/instance-id': 'i-1',
      '/var/lib/cloud/sem/x': '',
      '/var/lib/cloud/scripts/per-boot/ours': program,
      '/var/lib/cloud/seed/nocloud/meta-data': '',
    },
    [
      'remove /var/lib/cloud/instance',
      'remove /var/lib/cloud/instances',
      'remove /var/lib/cloud/data',
      'remove /var/lib/cloud/sem',
    ],
  ],
  [
    'in another place',
    { '/var/lib/cloud': link('/srv/cloud'), '/srv/cloud/instance': link('/etc'), '/srv/cloud/instances': link('/etc') },
    ['remove /srv/cloud/instance', 'remove /srv/cloud/instances'],
  ],
  ['of our script', { '/var/lib/vdc-metadata/user-data': 'x' }, ['remove /var/lib/vdc-metadata']],
  ['none', { '/var/lib/cloud/scripts/per-boot/ours': program, '/var/lib/cloud/sem/x': '' }, []],
])

const MODULE: Entries = { '/usr/lib/modules/2.6.18/modules.dep': 'kernel/drivers/pci/hotplug/acpiphp.ko:\n' }
const OLD_MODULE: Entries = { ...OLD, '/lib/modules/2.6.18/modules.dep': 'kernel/drivers/pci/hotplug/acpiphp.ko:\n' }
describePrepare('mod.acpiphp', [
  ['systemd', MODULE, ['write /etc/modules-load.d/acpiphp.conf']],
  ['built in', { ...MODULE, '/usr/lib/modules/2.6.18/modules.builtin': 'kernel/drivers/pci/hotplug/acpiphp.ko\n' }, []],
  ['CentOS 5', OLD_MODULE, ['write /etc/rc.modules 755']],
  [
    'CentOS 5 with other modules',
    { ...OLD_MODULE, '/etc/rc.modules': 'exit 0\n' },
    ['write /etc/sysconfig/modules/acpiphp.modules 755'],
  ],
  [
    'Debian 6',
    {
      ...OLD_MODULE,
      '/etc/redhat-release': '',
      '/etc/debian_version': '6.0\n',
      '/etc/modules': link('m'),
      '/etc/m': 'loop',
    },
    ['write /etc/m'],
  ],
])

test('mod.acpiphp: the texts', async () => {
  const text = async (entries: Entries) => Object.values((await prepare(entries, { only: ['mod.acpiphp'] })).texts)
  expect(await text(MODULE)).toEqual(['acpiphp\n'])
  expect(await text(OLD_MODULE)).toEqual(['#!/bin/sh\n/sbin/modprobe acpiphp\n'])
  expect(await text({ ...OLD_MODULE, '/etc/modules': 'loop' })).toEqual(['loop\nacpiphp\n'])
  // Nobody knows what loads modules.
  expect(await text({ ...OLD_MODULE, '/etc/redhat-release': '' })).toEqual([])
  expect(await text({ ...OLD_MODULE, '/etc/modules': link('/dev/null') })).toEqual([])
})

describePrepare('secret.keys', [
  [
    'of all accounts',
    {
      '/root/.ssh/authorized_keys': `# me\n${PUBLIC}${PUBLIC}`,
      '/home/user/.ssh/id_rsa': KEY,
      '/home/user/.ssh/id_rsa.pub': PUBLIC,
      '/home/gone/.ssh/deploy': KEY,
    },
    ['remove /root/.ssh/authorized_keys', 'remove /home/user/.ssh/id_rsa', 'remove /home/gone/.ssh/deploy'],
  ],
  [
    'behind links',
    {
      '/root/.ssh': link('/srv/ssh'),
      '/srv/ssh/authorized_keys': link('/etc/passwd'),
      '/srv/ssh/key': link('/srv/key'),
      '/srv/key': KEY,
      '/home/user/.ssh/authorized_keys': link('../keys'),
      '/home/user/keys': PUBLIC,
    },
    [
      'remove /srv/ssh/authorized_keys',
      'remove /srv/ssh/key',
      'remove /srv/key',
      'remove /home/user/.ssh/authorized_keys',
      'remove /home/user/keys',
    ],
  ],
])

test('secret.keys: keys to log in with are kept, if so chosen, but no private key', async () => {
  const guest = { '/root/.ssh/authorized_keys': PUBLIC, '/root/.ssh/id_rsa': KEY, '/etc/ssl/private/x.key': KEY }
  const { lines, reports } = await prepare(guest, { only: ['secret.keys'], keepKeys: true })
  expect(lines).toEqual(['remove /root/.ssh/id_rsa'])
  expect(reports[0]?.evidence.map(({ path }) => path)).toEqual(['/root/.ssh/authorized_keys', '/etc/ssl/private/x.key'])
})

test('secret.keys: the key of a server stays, and the remedy is another one', async () => {
  const { lines, reports } = await prepare({ '/etc/ssl/private/x.key': KEY }, { only: ['secret.keys'] })
  expect(lines).toEqual([])
  expect(reports).toMatchObject([{ result: 'warning', remedy: expect.stringMatching(/^Have each instance make/) }])
})

describePrepare('secret.history', [
  [
    'histories, one of them elsewhere',
    {
      '/root/.bash_history': 'x',
      '/root/.history': link('.bash_history'),
      '/home/user/.viminfo': link('/etc/passwd'),
      '/home/user/.psql_history': link('/dev/null'),
    },
    ['remove /root/.bash_history', 'remove /root/.history', 'remove /home/user/.viminfo'],
  ],
])

describePrepare('secret.tokens', [
  [
    'of homes and the system',
    {
      '/root/.aws/credentials': 'x',
      '/root/.npmrc': '_authToken=x\n',
      '/home/user/.docker/config.json': '{"auth": "x"}',
      '/home/user/.gnupg/private-keys-v1.d/x.key': 'x',
      '/etc/apt/auth.conf.d/x.conf': 'x',
      '/etc/apt/auth.conf': link('/etc/passwd'),
    },
    [
      'remove /root/.aws/credentials',
      'remove /root/.npmrc',
      'remove /home/user/.docker/config.json',
      'remove /home/user/.gnupg/private-keys-v1.d/x.key',
      'remove /etc/apt/auth.conf',
      'remove /etc/apt/auth.conf.d/x.conf',
    ],
  ],
])

describePrepare('log.files', [
  [
    'current, old and packed ones, and journals',
    {
      '/var/log/messages': 'x',
      '/var/log/messages.1': 'x',
      '/var/log/messages-20240101': 'x',
      '/var/log/dmesg.old': 'x',
      '/var/log/apt/term.log.1.gz': 'x',
      '/var/log/empty.1': '',
      '/var/log/wtmp': { size: 2 ** 40 },
      '/var/log/sa/sa01': 'x',
      [`/var/log/journal/${ID.trim()}/system.journal`]: 'x',
      [`/var/log/journal/${ID.trim()}/user-1000.journal`]: 'x',
      '/var/log/journal/remote/a.journal': 'x',
      '/var/log/out': link('/etc/passwd'),
      '/var/log/Xorg.0.log': 'x',
    },
    [
      'empty /var/log/Xorg.0.log',
      'remove /var/log/dmesg.old',
      'empty /var/log/messages',
      'remove /var/log/messages-20240101',
      'remove /var/log/messages.1',
      'empty /var/log/wtmp',
      'remove /var/log/sa/sa01',
      'remove /var/log/journal/remote/a.journal',
      `remove /var/log/journal/${ID.trim()}`,
      'remove /var/log/apt/term.log.1.gz',
    ],
  ],
])

describePrepare('pkg.cache', [
  [
    'packages',
    { '/var/cache/apt/archives/x.deb': 'x', '/var/cache/apt/archives/lock': 'x', '/var/cache/yum/a/b': 'x' },
    ['remove /var/cache/apt/archives/x.deb', 'remove /var/cache/yum/a/b'],
  ],
])
describePrepare('dhcp.leases', [
  [
    'of clients and of a server',
    { '/var/lib/dhcp/dhclient.leases': 'x', '/var/lib/dhcp/dhcpd.leases': 'x' },
    ['remove /var/lib/dhcp/dhclient.leases', 'empty /var/lib/dhcp/dhcpd.leases'],
  ],
])
describePrepare('spool.mail', [
  [
    'mailboxes, folders and a queue',
    {
      '/var/spool/mail': link('../mail'),
      '/var/mail/root': 'x',
      '/var/mail/user/new/1': 'x',
      '/var/spool/postfix/deferred/A/A1': 'x',
    },
    ['empty /var/mail/root', 'remove /var/mail/user/new/1', 'remove /var/spool/postfix/deferred/A/A1'],
  ],
])
describePrepare('spool.cron', [
  [
    'jobs',
    { '/var/spool/cron/crontabs/root': 'x', '/var/spool/cron/atjobs/.SEQ': 'x' },
    ['remove /var/spool/cron/crontabs/root'],
  ],
])
describePrepare('spool.crash', [
  [
    'crashes',
    { '/var/crash/core': 'x', '/var/spool/abrt/ccpp-1/a': 'x', '/var/spool/abrt/ccpp-1/b/c': 'x' },
    ['remove /var/crash/core', 'remove /var/spool/abrt/ccpp-1'],
  ],
])

describe('files', () => {
  test('keep their mode and owner when they are emptied', async () => {
    const { edits } = await prepare({ '/var/log/btmp': { text: 'x', mode: 0o600 } }, { only: ['log.files'] })
    expect(edits).toEqual([{ action: 'write', path: '/var/log/btmp', text: '', what: 'empty', check: 'log.files' }])
  })

  test('with names that are no text are removed by their bytes', async () => {
    const name = 'a\n\xff\x1b[31m\\'
    const { lines, again, made } = await prepare(
      {},
      {
        only: ['log.files', 'secret.keys'],
        before(guest) {
          mkdirSync(`${guest}/var/log`, { recursive: true })
          mkdirSync(`${guest}/root/.ssh`, { recursive: true })
          writeFileSync(Buffer.concat([Buffer.from(`${guest}/var/log/`), bytesOf(`${name}.gz`)]), 'x')
          writeFileSync(Buffer.concat([Buffer.from(`${guest}/root/.ssh/`), bytesOf(name)]), KEY)
        },
      },
    )
    expect(lines).toEqual([`remove /root/.ssh/${name}`, `remove /var/log/${name}.gz`])
    expect(again).toEqual([])
    expect(made.map(({ result }) => result)).toEqual(['ok', 'ok'])
  })

  test('are all handled, however many there are', async () => {
    // More than the findings that a check reports. A folder can have 10,000 names.
    const count = some(10_000, 4)
    const before = (guest: string) => {
      mkdirSync(`${guest}/var/log`, { recursive: true })
      for (let at = 0; at < count; at++) writeFileSync(`${guest}/var/log/${at}.gz`, 'x')
    }
    const { lines, again, made } = await prepare({}, { only: ['log.files'], before })
    expect(lines).toHaveLength(count)
    expect(again).toEqual([])
    expect(made).toMatchObject([{ result: 'ok' }])
  })

  test('that cannot be read are left, and others are handled', async () => {
    const guest = {
      '/root/.ssh': link('.ssh'),
      '/home/user/.ssh/id_rsa': KEY,
      '/var/crash': link('crash'),
      '/var/spool/abrt/x': 'x',
    }
    const { lines, reports } = await prepare(guest, { only: ['secret.keys', 'spool.crash'] })
    expect(lines).toEqual(['remove /home/user/.ssh/id_rsa', 'remove /var/spool/abrt/x'])
    expect(reports.map(({ result }) => result)).toEqual(['unknown', 'unknown'])
  })

  test('outside the guest are out of reach', async () => {
    const out = { '/var/log': link('/../../../../../../tmp'), '/home': link('../../../../../../etc'), '/tmp/x.gz': 'x' }
    const { lines } = await prepare(out, { only: ['log.files', 'secret.keys', 'secret.history', 'secret.tokens'] })
    expect(lines).toEqual(['remove /tmp/x.gz'])
  })
})
