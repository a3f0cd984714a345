import { describeCheck, type Entry, link } from '../../support/guests/guests.ts'

/** A guest with a folder that is a loop of links. */
const loop = (path: string) =>
  [{ title: 'a loop of links', guest: { [path]: link(path) } as Record<string, Entry>, message: /loop of links/ }] as [
    { title: string; guest: Record<string, Entry>; message: RegExp },
  ]

describeCheck('log.files', {
  ok: [{ title: 'empty files', guest: { '/var/log/syslog': '', '/var/log/journal/x/y': '' } }],
  bad: [
    {
      title: 'files in folders',
      guest: {
        '/var/log/syslog': 'x'.repeat(1024),
        '/var/log/apt/history.log.1.gz': 'x'.repeat(1024),
        '/var/log/out': link('/etc/passwd'),
      },
      evidence: ['note /var/log 2 files, 2 KiB'],
    },
  ],
  unknown: loop('/var/log'),
})

describeCheck('pkg.cache', {
  ok: [
    {
      title: 'empty',
      guest: {
        '/var/cache/apt/archives/lock': '',
        '/var/lib/apt/lists/lock': '',
        '/var/cache/apt/archives/partial/.x': 'x',
      },
    },
  ],
  bad: [
    {
      title: 'packages and lists',
      guest: {
        '/var/cache/apt/archives/x_1_amd64.deb': { size: 3 << 20 },
        '/var/lib/apt/lists/deb_dists_stable_InRelease': 'x',
        '/var/cache/dnf/x/y.solv': 'xx',
      },
      evidence: [
        'note /var/cache/apt 1 file, 3 MiB',
        'note /var/lib/apt/lists 1 file, 1 B',
        'note /var/cache/dnf 1 file, 2 B',
      ],
    },
  ],
  unknown: loop('/var/cache/yum'),
})

describeCheck('dhcp.leases', {
  ok: [{ title: 'none', guest: { '/var/lib/NetworkManager/NetworkManager.state': 'x' } }],
  bad: [
    {
      title: 'leases',
      guest: { '/var/lib/dhcp/dhclient.eth0.leases': 'x', '/var/lib/NetworkManager/dhclient-1-eth0.lease': 'x' },
      evidence: ['note /var/lib/dhcp 1 file, 1 B', 'note /var/lib/NetworkManager 1 file, 1 B'],
    },
  ],
  unknown: loop('/var/lib/dhcp'),
})

describeCheck('spool.mail', {
  ok: [{ title: 'empty', guest: { '/var/mail/root': '' } }],
  bad: [
    {
      title: 'mail, in a folder with two names',
      guest: { '/var/mail/root': 'From', '/var/spool/mail': link('../mail') },
      evidence: ['note /var/mail 1 file, 4 B'],
    },
  ],
  unknown: loop('/var/mail'),
})

describeCheck('spool.cron', {
  ok: [
    { title: 'no jobs', guest: { '/var/spool/cron/atjobs/.SEQ': '1', '/var/spool/cron/crontabs': { folder: true } } },
  ],
  bad: [
    {
      title: 'jobs',
      guest: { '/var/spool/cron/crontabs/root': 'x', '/var/spool/at/a1': 'x' },
      evidence: ['note /var/spool/cron 1 file, 1 B', 'note /var/spool/at 1 file, 1 B'],
    },
  ],
  unknown: loop('/var/spool/cron'),
})

describeCheck('spool.crash', {
  ok: [{ title: 'none', guest: {} }],
  bad: [
    {
      title: 'a core',
      guest: { '/var/lib/systemd/coredump/core.x.zst': 'x' },
      evidence: ['note /var/lib/systemd/coredump 1 file, 1 B'],
    },
  ],
  unknown: loop('/var/crash'),
})
