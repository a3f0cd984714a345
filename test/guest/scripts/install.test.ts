import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import type { Edit, PrepareOptions } from '../../../src/guest/prepare/edit.ts'
import {
  type Entries,
  type Entry,
  link,
  newGuest,
  program,
  SYSTEMD,
  SYSVINIT,
  script,
} from '../../support/guests/guests.ts'
import { FAULTS, READY } from '../../support/guests/guide.ts'
import { prepare as prepareGuest } from '../../support/guests/prepare.ts'

/** Prepares a guest that has nothing but its entries. */
const prepare = (guest: Entries, only: readonly string[], options: Partial<PrepareOptions> = {}) =>
  prepareGuest(guest, { base: {}, only, init: 'auto', ...options })

/** Formats edits on one line each: `remove /a`, `write /b 644`, `link /c -> /d`. */
function linesOfEdits(edits: readonly Edit[]): string[] {
  return edits.map((edit) => {
    if (edit.action === 'write') return `write ${edit.path} ${edit.mode?.toString(8) ?? 'as it is'}`
    return edit.action === 'link' ? `link ${edit.path} -> ${edit.target}` : `remove ${edit.path}`
  })
}

/** What an instance needs, beside the first process. */
const SSHD = { '/usr/sbin/sshd': program, '/bin/bash': program }
const BOTH = ['ssh.hostkeys', 'init.metadata']
const SYSTEMD_EDITS = (name: string) => [
  `write /usr/local/sbin/${name} 755`,
  `write /etc/systemd/system/${name}.service 644`,
  `link /etc/systemd/system/multi-user.target.wants/${name}.service -> /etc/systemd/system/${name}.service`,
]
const SYSV_EDITS = (base: string, name: string, orders: readonly string[]) => [
  `write /usr/local/sbin/${name} 755`,
  `write ${base}/init.d/${name} 755`,
  ...orders.map((order, at) => `link ${base}/rc${at + 2}.d/S${order}${name} -> ../init.d/${name}`),
]
/** A distribution with /etc/init.d as a link. */
const CENTOS: Entries = {
  ...SYSVINIT,
  ...SSHD,
  '/etc/init.d': link('rc.d/init.d'),
  '/etc/rc3.d': link('rc.d/rc3.d'),
  '/etc/rc.d/init.d/sshd': script('ssh-keygen -q -t rsa'),
  '/etc/rc.d/rc3.d/S55sshd': link('../init.d/sshd'),
}
const UPSTART: Entries = { '/sbin/initctl': program, '/etc/init/rc.conf': 'task\nexec /etc/init.d/rc $RUNLEVEL\n' }

const GUESTS: [title: string, guest: Entries, edits: string[]][] = [
  [
    'Debian with systemd',
    { ...SYSTEMD, ...SSHD },
    [...SYSTEMD_EDITS('vdc-hostkeys'), ...SYSTEMD_EDITS('vdc-metadata')],
  ],
  [
    'CentOS 7',
    { ...SYSTEMD, ...SSHD, '/usr/lib/systemd/system/sshd-keygen.service': '[Service]\n' },
    SYSTEMD_EDITS('vdc-metadata'),
  ],
  ...['', undefined, '0123456789abcdef0123456789abcdef\n', 'uninitialized\n'].map((id): (typeof GUESTS)[number] => [
    `Debian 13, whose unit runs at the first boot only, with the machine ID ${JSON.stringify(id)}`,
    {
      ...SYSTEMD,
      ...SSHD,
      '/usr/lib/systemd/system/sshd-keygen.service': '[Unit]\nConditionFirstBoot=yes\n[Service]\n',
      ...(id === undefined ? {} : { '/etc/machine-id': id }),
    },
    [...(id?.trim() === 'uninitialized' ? [] : SYSTEMD_EDITS('vdc-hostkeys')), ...SYSTEMD_EDITS('vdc-metadata')],
  ]),
  [
    'systemd with keys that rc.local makes too late',
    { ...SYSTEMD, ...SSHD, '/etc/rc.local': script('ssh-keygen -A\ncurl http://169.254.169.254/') },
    SYSTEMD_EDITS('vdc-hostkeys'),
  ],
  [
    'Debian 5 with sysvinit',
    {
      '/etc/debian_version': '5.0.10\n',
      '/etc/inittab': 'id:2:initdefault:\n',
      '/sbin/init': program,
      ...SSHD,
      '/etc/init.d/ssh': script('/usr/sbin/sshd'),
      '/etc/rc2.d/S16ssh': link('../init.d/ssh'),
    },
    [
      ...SYSV_EDITS('/etc', 'vdc-hostkeys', ['15', '12', '12', '12']),
      ...SYSV_EDITS('/etc', 'vdc-metadata', ['99', '99', '99', '99']),
    ],
  ],
  [
    'Debian 7 with startpar',
    {
      '/etc/debian_version': '7.0\n',
      '/etc/inittab': 'id:2:initdefault:\n',
      '/sbin/init': program,
      ...SSHD,
      '/etc/init.d/.depend.start':
        'TARGETS = rsyslog ssh rc.local\nINTERACTIVE =\nssh: rsyslog\nrc.local: rsyslog ssh\n',
      '/etc/init.d/ssh': script('/usr/sbin/sshd'),
      '/etc/rc2.d/S01vdc-hostkeys': link('../init.d/vdc-hostkeys'),
      ...Object.fromEntries([2, 3, 4, 5].map((level) => [`/etc/rc${level}.d/S00ssh`, link('../init.d/ssh')])),
    },
    [
      ...SYSV_EDITS('/etc', 'vdc-hostkeys', ['01', '00', '00', '00']).filter((line) => !line.includes('S01')),
      'write /etc/init.d/.depend.start 644',
      ...SYSV_EDITS('/etc', 'vdc-metadata', ['99', '99', '99', '99']),
      'write /etc/init.d/.depend.start 644',
    ],
  ],
  [
    'Ubuntu with upstart',
    { '/etc/os-release': 'ID=ubuntu\nVERSION_ID="14.04"\n', '/sbin/init': program, ...SSHD, ...UPSTART },
    [
      'write /usr/local/sbin/vdc-hostkeys 755',
      'write /etc/init/vdc-hostkeys.conf 644',
      'write /usr/local/sbin/vdc-metadata 755',
      'write /etc/init/vdc-metadata.conf 644',
    ],
  ],
  ['CentOS 5', CENTOS, SYSV_EDITS('/etc/rc.d', 'vdc-metadata', ['99', '99', '99', '99'])],
  ['CentOS 6', { ...CENTOS, ...UPSTART }, SYSV_EDITS('/etc/rc.d', 'vdc-metadata', ['99', '99', '99', '99'])],
  [
    'Alpine',
    {
      '/etc/alpine-release': '3.19.0\n',
      '/sbin/openrc': program,
      '/sbin/init': link('/bin/busybox'),
      '/bin/busybox': program,
      ...SSHD,
      '/etc/init.d/sshd': script('ssh-keygen -A'),
      '/etc/runlevels/default/sshd': link('/etc/init.d/sshd'),
    },
    [
      'write /usr/local/sbin/vdc-metadata 755',
      'write /etc/init.d/vdc-metadata 755',
      'link /etc/runlevels/default/vdc-metadata -> /etc/init.d/vdc-metadata',
    ],
  ],
  [
    'the guest of the guide',
    FAULTS,
    [
      'remove /etc/ssh/ssh_host_key',
      'remove /etc/ssh/ssh_host_rsa_key',
      'remove /etc/ssh/ssh_host_rsa_key.pub',
      ...SYSV_EDITS('/etc/rc.d', 'vdc-hostkeys', ['12', '12', '12', '12']),
      ...SYSV_EDITS('/etc/rc.d', 'vdc-metadata', ['99', '99', '99', '99']),
    ],
  ],
  [
    'Debian with cloud-init',
    {
      ...SYSTEMD,
      ...SSHD,
      '/usr/bin/cloud-init': program,
      '/etc/cloud': link('/usr/share/cloud'),
      '/usr/share/cloud/cloud-init.disabled': '',
      '/usr/share/cloud/cloud.cfg.d/90_dpkg.cfg': 'datasource_list: [ NoCloud, None ]\n',
    },
    ['remove /usr/share/cloud/cloud-init.disabled', 'write /usr/share/cloud/cloud.cfg.d/zz-vdc-metadata.cfg 644'],
  ],
  ['a guest that is ready', READY, []],
  [
    'a guest whose own script is not executable',
    {
      ...SYSVINIT,
      '/etc/rc.local': link('rc.d/rc.local'),
      '/etc/rc.d/rc.local': { text: '#!/bin/sh\nwget http://169.254.169.254/\n', mode: 0o644 },
    },
    ['write /etc/rc.d/rc.local 755'],
  ],
  [
    'folders that are links, and a unit that is masked',
    {
      ...SYSTEMD,
      '/usr/local/sbin': link('bin'),
      '/usr/local/bin/x': '',
      '/etc/systemd/system/vdc-metadata.service': link('/dev/null'),
    },
    [
      'write /usr/local/bin/vdc-metadata 755',
      'remove /etc/systemd/system/vdc-metadata.service',
      ...SYSTEMD_EDITS('vdc-metadata').slice(1),
    ],
  ],
  [
    'an older text of ours, not executable',
    {
      ...SYSTEMD,
      '/usr/local/sbin/vdc-metadata': '#!/bin/sh\n',
      '/etc/systemd/system/vdc-metadata.service': '[Service]\nExecStart=/usr/local/sbin/vdc-metadata\n',
      '/etc/systemd/system/multi-user.target.wants/vdc-metadata.service': link('../vdc-metadata.service'),
    },
    SYSTEMD_EDITS('vdc-metadata').slice(0, 2),
  ],
]

describe('the scripts are installed in', () => {
  test.each(GUESTS)('%s', async (_, guest, expected) => {
    const { edits, reports, again } = await prepare(guest, BOTH)
    expect(linesOfEdits(edits)).toEqual(expected)
    expect(reports.map(({ check, result, message }) => [check, result === 'ok' ? result : message])).toEqual(
      BOTH.map((id) => [id, 'ok']),
    )
    expect(again).toEqual([])
  })
})

test('startpar starts the scripts in their order', async () => {
  const [, guest] = GUESTS.find(([title]) => title.includes('startpar')) as (typeof GUESTS)[0]
  const { edits } = await prepare(guest, BOTH)
  const texts = edits.flatMap((edit) => (edit.action === 'write' && edit.path.endsWith('.start') ? [edit.text] : []))
  expect(texts.at(-1)).toBe(
    'TARGETS = rsyslog ssh rc.local vdc-hostkeys vdc-metadata\nINTERACTIVE =\nssh: rsyslog\nrc.local: rsyslog ssh\n' +
      'ssh: vdc-hostkeys\nvdc-metadata: rsyslog ssh rc.local vdc-hostkeys\n',
  )
})

describe('--init', () => {
  const CLOUD = { ...SYSTEMD, '/usr/bin/cloud-init': program }
  const OWN = { ...SYSTEMD, '/etc/rc.local': script('curl http://169.254.169.254/latest/') }
  const CONFIG = 'write /etc/cloud/cloud.cfg.d/zz-vdc-metadata.cfg 644'
  test.each([
    ['none', SYSTEMD, []],
    ['none', CLOUD, []],
    ['auto', OWN, []],
    ['script', OWN, SYSTEMD_EDITS('vdc-metadata')],
    ['script', CLOUD, SYSTEMD_EDITS('vdc-metadata')],
    ['cloud-init', { ...OWN, ...CLOUD }, [CONFIG]],
    ['cloud-init', { ...CLOUD, '/etc/cloud/cloud.cfg': 'datasource_list: [Ec2]\n' }, []],
  ] as const)('%s', async (init, guest, expected) => {
    const { edits, again } = await prepare(guest, ['init.metadata'], { init })
    expect(linesOfEdits(edits)).toEqual(expected)
    expect(again).toEqual([])
  })

  const HOST_KEYS = SYSTEMD_EDITS('vdc-hostkeys')
  test.each([
    ['auto', CLOUD, []],
    ['cloud-init', CLOUD, []],
    ['cloud-init', { ...OWN, ...CLOUD }, []],
    ['none', { ...CLOUD, '/etc/cloud/cloud.cfg': 'datasource_list: [Ec2]\n' }, []],
    // Here cloud-init stays off, and makes no keys.
    ['none', CLOUD, HOST_KEYS],
    ['script', CLOUD, HOST_KEYS],
    ['auto', { ...OWN, ...CLOUD }, HOST_KEYS],
  ] as const)('%s leaves no guest with cloud-init without SSH host keys', async (init, guest, expected) => {
    const { edits, reports, again } = await prepare({ ...guest, ...SSHD }, BOTH, { init })
    expect(linesOfEdits(edits).filter((line) => line.includes('hostkeys'))).toEqual(expected)
    expect(reports[0]).toMatchObject({ check: 'ssh.hostkeys', result: 'ok' })
    expect(again).toEqual([])
  })

  test('none leaves no guest without SSH host keys', async () => {
    const { edits, reports } = await prepare({ ...SYSTEMD, ...SSHD, '/etc/ssh/ssh_host_rsa_key': 'x' }, BOTH, {
      init: 'none',
    })
    expect(linesOfEdits(edits)).toEqual(['remove /etc/ssh/ssh_host_rsa_key', ...SYSTEMD_EDITS('vdc-hostkeys')])
    // The script for host keys must not be taken for one that gets the metadata.
    expect(reports.map(({ result }) => result)).toEqual(['ok', 'error'])
  })
})

test.each([
  ['a first process that is not known', { '/etc/os-release': 'ID=x\n', '/bin/sh': program }],
  ['the init of BusyBox', { '/sbin/init': link('/bin/busybox'), '/bin/busybox': program, '/etc/passwd': '' }],
  ['a file in the place of a folder', { ...SYSTEMD, '/usr/local': 'x' }],
  ['a loop of links', { ...SYSTEMD, '/usr/local': link('local') }],
])('nothing is installed in a guest with %s', async (_, guest) => {
  const { edits, reports } = await prepare(guest as Entries, ['init.metadata'])
  expect(edits).toEqual([])
  expect(reports.map(({ result }) => result)).toEqual(['error'])
})

test('only links to host keys are removed, not what they lead to', async () => {
  const guest = {
    ...SYSTEMD,
    '/etc/ssh/ssh_host_rsa_key': link('/etc/passwd'),
    '/etc/ssh/ssh_host_rsa_key-cert.pub': 'x',
  }
  const { edits } = await prepare(guest, ['ssh.hostkeys'])
  expect(linesOfEdits(edits)).toEqual(['remove /etc/ssh/ssh_host_rsa_key', 'remove /etc/ssh/ssh_host_rsa_key-cert.pub'])
})

test('systemd accepts the units, also with a socket that starts sshd', async () => {
  const { edits } = await prepare({ ...SYSTEMD, ...SSHD }, BOTH)
  const made = edits.map(entryOf)
  const bare = '[Unit]\nDefaultDependencies=no\n'
  const units: Record<string, string> = {
    'sysinit.target': bare,
    'shutdown.target': bare,
    'network-online.target': bare,
    'sockets.target': `${bare}Before=basic.target\nWants=ssh.socket\n`,
    'basic.target': `${bare}Requires=sysinit.target\nWants=sockets.target\nAfter=sysinit.target sockets.target\n`,
    'multi-user.target': '[Unit]\nRequires=basic.target\nAfter=basic.target\n',
    'ssh.socket': '[Unit]\nBefore=sockets.target\n[Socket]\nListenStream=22\nAccept=yes\n',
    'ssh@.service': '[Service]\nExecStart=/usr/sbin/sshd -i\n',
  }
  const guest = newGuest({
    ...Object.fromEntries([
      ...made,
      ...Object.entries(units).map(([name, text]) => [`/usr/lib/systemd/system/${name}`, text]),
    ]),
    ...SSHD,
  })
  try {
    const args = [`--root=${guest.path}`, '--man=no', 'verify', 'multi-user.target']
    const { all } = await execa('systemd-analyze', args, { all: true, reject: false })
    expect(all).toBe('')
  } finally {
    guest.remove()
  }
})

function entryOf(edit: Edit): [path: string, entry: Entry] {
  if (edit.action === 'write') return [edit.path, { text: edit.text, mode: edit.mode ?? 0o644 }]
  if (edit.action === 'link') return [edit.path, link(edit.target)]
  throw new Error(`${edit.path} is removed`)
}
