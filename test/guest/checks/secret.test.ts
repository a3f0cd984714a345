import { expect, test } from 'vitest'
import { CHECKS } from '../../../src/guest/checks/index.ts'
import { FolderTree } from '../../../src/guest/tree/folder-tree.ts'
import { check, describeCheck, link, newGuest, SYSTEMD } from '../../support/guests/guests.ts'
import { reportsOn } from '../../support/guests/prepare.ts'

const KEY = '-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n'

describeCheck('secret.keys', {
  ok: [
    { title: 'none', guest: {} },
    {
      title: 'empty files, comments and public keys',
      guest: {
        '/root/.ssh/authorized_keys': '# nobody\n',
        '/root/.ssh/id_rsa': '',
        '/root/.ssh/id_rsa.pub': 'ssh-rsa AAAA x\n',
        '/root/.ssh/known_hosts': 'host ssh-rsa AAAA\n',
      },
    },
  ],
  bad: [
    {
      title: 'keys of accounts, of a folder without an account, and of a server',
      guest: {
        '/root/.ssh/authorized_keys': '\nssh-rsa AAAAB3 me@builder\nno-pty ssh-ed25519 AAAAC3 me@builder\n',
        '/home/user/.ssh/deploy': KEY,
        '/home/gone/.ssh/id_dsa': KEY.replace('OPENSSH', 'DSA'),
        '/etc/ssl/private/server.key': KEY.replace('OPENSSH ', ''),
      },
      evidence: [
        'error /root/.ssh/authorized_keys:2 ssh-rsa',
        'error /root/.ssh/authorized_keys:3 ssh-ed25519',
        'error /home/user/.ssh/deploy',
        'error /home/gone/.ssh/id_dsa',
        'warning /etc/ssl/private/server.key',
      ],
    },
  ],
  unknown: [
    { title: 'a folder as keys', guest: { '/etc/passwd': '', '/root/.ssh': link('.ssh') }, message: /loop of links/ },
  ],
})

describeCheck('secret.history', {
  ok: [
    { title: 'none', guest: {} },
    { title: 'linked to nothing', guest: { '/root/.bash_history': link('/dev/null'), '/home/user/.zsh_history': '' } },
  ],
  bad: [
    {
      title: 'histories',
      guest: { '/root/.bash_history': 'mysql -psecret\n', '/home/user/.local/share/fish/fish_history': 'x' },
      evidence: ['warning /root/.bash_history', 'warning /home/user/.local/share/fish/fish_history'],
    },
  ],
  unknown: [{ title: 'a loop of links', guest: { '/home/user': link('user') }, message: /loop of links/ }],
})

describeCheck('secret.tokens', {
  ok: [
    { title: 'none', guest: {} },
    {
      title: 'settings without credentials',
      guest: { '/root/.docker/config.json': '{"auths": {}}', '/root/.npmrc': 'registry=x\n', '/etc/apt/auth.conf': '' },
    },
  ],
  bad: [
    {
      title: 'credentials',
      guest: {
        '/root/.aws/credentials': '[default]\naws_secret_access_key = secret\n',
        '/home/user/.git-credentials': 'https://me:secret@example.org\n',
        '/home/user/.gnupg/private-keys-v1.d/AB.key': 'secret',
        '/home/user/.docker/config.json': '{"auths": {"x": {"auth": "c2VjcmV0"}}}',
        '/etc/apt/auth.conf.d/private.conf': 'machine x login y password secret\n',
      },
      evidence: [
        'error /root/.aws/credentials',
        'error /home/user/.git-credentials',
        'error /home/user/.docker/config.json',
        'error /home/user/.gnupg/private-keys-v1.d/AB.key',
        'error /etc/apt/auth.conf.d/private.conf',
      ],
    },
  ],
  unknown: [
    { title: 'a folder as accounts', guest: { '/etc/shadow': '', '/root': link('root') }, message: /loop of links/ },
  ],
})

describeCheck('secret.passwords', {
  ok: [
    {
      title: 'locked accounts',
      guest: { '/etc/shadow': 'root:*:1::::::\nuser:!$6$x$secret:1::::::\nbin:!!:1::::::\n' },
    },
    { title: 'an entry of NIS', guest: { '/etc/shadow': '+::::::::\n' } },
  ],
  bad: [
    {
      title: 'accounts with and without a password',
      guest: { '/etc/shadow': 'root:$6$salt$secret:1::::::\nuser::1::::::\n' },
      evidence: ['error /etc/shadow:2 user', 'warning /etc/shadow:1 root'],
    },
    {
      title: 'passwords in /etc/passwd',
      guest: { '/etc/passwd': 'root:secret:0:0::/root:/bin/sh\nuser::1000:1000::/:/bin/sh\n' },
      evidence: ['error /etc/passwd:2 user', 'warning /etc/passwd:1 root'],
    },
  ],
  unknown: [
    {
      title: 'no accounts',
      base: {},
      guest: { '/etc/os-release': '', '/bin/sh': '' },
      message: /^\/etc\/passwd does not exist$/,
    },
  ],
})

test('no secret is in a report', async () => {
  for (const id of [
    'secret.keys',
    'secret.history',
    'secret.tokens',
    'secret.passwords',
    'ssh.hostkeys',
    'id.machine-id',
    'net.dhcp',
  ]) {
    const report = await check(id, {
      ...SYSTEMD,
      '/etc/shadow': 'root:$6$salt$secret:1::::::\n',
      '/etc/machine-id': 'secret\n',
      '/etc/ssh/ssh_host_rsa_key': 'secret',
      '/root/.ssh/authorized_keys': 'ssh-rsa secret secret\n',
      '/root/.bash_history': 'secret\n',
      '/root/.netrc': 'machine x login y password secret\n',
      '/root/.ssh/id_rsa': KEY.replace('c2VjcmV0', 'secret'),
      '/etc/NetworkManager/system-connections/a': '[ipv4]\naddress1=10.0.0.1/8\n[wifi-security]\npsk=secret\n',
    })
    expect(report.result).toMatch(/^(?:error|warning)$/)
    expect(JSON.stringify(report)).not.toMatch(/secret(?!\.)/)
  }
})

test('keys to log in with are a note if they are meant to be there, and private keys are not', async () => {
  const guest = newGuest({ ...SYSTEMD, '/root/.ssh/authorized_keys': 'ssh-ed25519 AAAA\n', '/root/.ssh/id_rsa': KEY })
  const tree = await FolderTree.open(guest.path)
  const checks = CHECKS.filter(({ id }) => id === 'secret.keys')
  const [report] = await reportsOn({ tree, disk: undefined, keepsKeys: true }, checks)
  await tree.close()
  guest.remove()
  const lines = report?.evidence.map(({ result, path }) => `${result} ${path}`)
  expect(lines).toEqual(['error /root/.ssh/id_rsa', 'note /root/.ssh/authorized_keys'])
})
