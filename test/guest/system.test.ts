import { expect, test } from 'vitest'
import { identify } from '../../src/guest/system.ts'
import { FolderTree } from '../../src/guest/tree/folder-tree.ts'
import { GuestFiles } from '../../src/guest/tree/guest-files.ts'
import { type Entries, link, newGuest, program, SYSTEMD, SYSVINIT } from '../support/guests/guests.ts'

const LINUX = { kind: 'linux', folders: [] }

const CASES: [title: string, entries: Entries, system: object][] = [
  [
    'Debian',
    SYSTEMD,
    { ...LINUX, distribution: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)', init: 'systemd' },
  ],
  [
    'a release in /usr/lib, without a number',
    { '/usr/lib/os-release': "NAME='Void'\nID=void\n", '/etc/x': '', '/bin/sh': program },
    { ...LINUX, distribution: 'void', version: null, name: 'Void', init: null },
  ],
  [
    'CentOS 5',
    SYSVINIT,
    { ...LINUX, distribution: 'centos', version: '5.5', name: 'CentOS release 5.5 (Final)', init: 'sysvinit' },
  ],
  [
    'CentOS 6, with upstart',
    {
      '/etc/centos-release': 'CentOS release 6.10 (Final)\n',
      '/etc/redhat-release': link('centos-release'),
      '/etc/inittab': 'id:3:initdefault:\n',
      '/etc/init/rc.conf': 'start on runlevel\n',
      '/sbin/init': program,
      '/sbin/initctl': program,
    },
    { ...LINUX, distribution: 'centos', version: '6.10', name: 'CentOS release 6.10 (Final)', init: 'upstart' },
  ],
  [
    'Debian of old',
    { '/etc/debian_version': '5.0.10\n', '/etc/inittab': '', '/sbin/init': program },
    { ...LINUX, distribution: 'debian', version: '5.0.10', name: 'debian 5.0.10', init: 'sysvinit' },
  ],
  [
    'Alpine',
    {
      '/etc/os-release': 'ID=alpine\nVERSION_ID=3.21.0\nNAME="Alpine Linux"\n',
      '/bin/busybox': program,
      '/sbin/init': link('/bin/busybox'),
      '/sbin/openrc': program,
    },
    { ...LINUX, distribution: 'alpine', version: '3.21.0', name: 'Alpine Linux 3.21.0', init: 'openrc' },
  ],
  [
    'busybox',
    { '/etc/inittab': '', '/bin/busybox': program, '/sbin/init': link('../bin/busybox') },
    { ...LINUX, distribution: null, version: null, name: null, init: 'busybox' },
  ],
  ['Windows', { '/Windows/System32/ntoskrnl.exe': '' }, { kind: 'windows', name: 'Windows', init: null }],
  ['nothing', { '/etc': 'a file' }, { kind: 'none', folders: [] }],
  [
    'a folder above',
    { '/root-fs/etc/os-release': link('../usr/lib/os-release') },
    { kind: 'none', folders: ['/root-fs'] },
  ],
]

test.each(CASES)('%s', async (_, entries, system) => {
  const guest = newGuest(entries)
  const tree = await FolderTree.open(guest.path)
  expect(await identify(new GuestFiles(tree))).toMatchObject(system)
  await tree.close()
  guest.remove()
})
