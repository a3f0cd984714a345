import { describeCheck, link, SYSVINIT } from '../../support/guests/guests.ts'

const ID = '0123456789abcdef0123456789abcdef\n'

describeCheck('id.machine-id', {
  ok: [
    { title: 'empty', guest: { '/etc/machine-id': '', '/var/lib/dbus/machine-id': link('/etc/machine-id') } },
    { title: 'uninitialized', guest: { '/etc/machine-id': 'uninitialized\n' } },
  ],
  bad: [
    {
      title: 'both IDs, which are not shown',
      guest: { '/etc/machine-id': ID, '/var/lib/dbus/machine-id': ID },
      evidence: ['error /etc/machine-id:1', 'error /var/lib/dbus/machine-id:1'],
    },
    {
      title: 'D-Bus alone',
      base: SYSVINIT,
      guest: { '/var/lib/dbus/machine-id': ID },
      evidence: ['error /var/lib/dbus/machine-id:1'],
    },
    { title: 'deleted', guest: {}, evidence: ['warning /etc/machine-id'] },
  ],
  unknown: [
    { title: 'a folder', guest: { '/etc/machine-id/x': '' }, message: /^\/etc\/machine-id is a folder, not a file$/ },
  ],
  notApplicable: [{ title: 'sysvinit without D-Bus', base: SYSVINIT, guest: {}, message: /no machine ID/ }],
})

describeCheck('id.seed', {
  ok: [
    { title: 'none', guest: {} },
    { title: 'an empty one', guest: { '/var/lib/systemd/random-seed': '' } },
  ],
  bad: [
    {
      title: 'seeds and a secret',
      guest: {
        '/var/lib/systemd/random-seed': 'x',
        '/var/lib/urandom/random-seed': 'x',
        '/var/lib/NetworkManager/secret_key': 'x',
      },
      evidence: [
        'warning /var/lib/systemd/random-seed',
        'warning /var/lib/urandom/random-seed',
        'warning /var/lib/NetworkManager/secret_key',
      ],
    },
  ],
  unknown: [{ title: 'a loop of links', guest: { '/var': link('var') }, message: /loop of links/ }],
})
