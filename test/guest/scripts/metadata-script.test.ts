import { chownSync, lstatSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startMetadataService } from '../../../src/guest/metadata/start-service.ts'
import { IS_ROOT } from '../../support/attacker.ts'
import { type Entries, link, script } from '../../support/guests/guests.ts'
import { type Instance, newInstance, type Programs } from '../../support/guests/instance.ts'
import { FULL } from '../../support/guests/metadata-instance.ts'
import { type Metadata, type MetadataServer, startMetadataServer } from '../../support/guests/metadata-server.ts'

/** What Wakame-vdc 16.1 answers. */
const METADATA: Metadata = {
  'meta-data/instance-id': 'i-abc12345',
  'meta-data/local-hostname': 'web.shpoolxx.vdc.local',
  'meta-data/public-keys': '0=first\n1=second',
  'meta-data/public-keys/0/openssh-key': 'ssh-rsa AAAAB3first first@example.com',
  'meta-data/public-keys/1/openssh-key': 'ssh-ed25519 AAAAC3second',
  'user-data': '#!/bin/sh\nhostname >>/root/ran\necho from the user-data\n',
}
/** What 11.06 answers. */
const METADATA_11: Metadata = {
  'meta-data/instance-id': 'i-abc12345',
  'meta-data/local-hostname': 'abc12345',
  'meta-data/public-keys': 'ssh-rsa AAAAB3bare',
  'meta-data/user-data': '#!/bin/sh\necho ran >>/root/ran\n',
}
const GUEST: Entries = {
  '/etc/passwd':
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\nsecond:x:1001:1001::/home/second:/bin/sh\n' +
    'first:x:1000:1000::/home/first:/bin/sh\nservice:x:999:999::/var:/bin/sh\n',
  '/etc/group': 'root:x:0:\nfirst:x:1000:\n',
  '/etc/hostname': 'builder\n',
  '/etc/hosts': '127.0.0.1 localhost\n127.0.1.1\tbuilder',
  '/home/first/.profile': '',
  '/home/second/.profile': '',
}
const KEYS = 'ssh-rsa AAAAB3first first@example.com\nssh-ed25519 AAAAC3second\n'
const AUTHORIZED = 'home/first/.ssh/authorized_keys'

const instances = new Map<string, Instance>()
/** Returns the instance with these programs. Tests that use it must reset it first. */
function instanceWith({ shell, client }: Programs): Instance {
  const name = `${shell} ${client}`
  const instance = instances.get(name) ?? newInstance({ shell, client })
  instances.set(name, instance)
  return instance
}
afterAll(() => {
  for (const instance of instances.values()) instance.remove()
})

describe.runIf(IS_ROOT)('the metadata script', () => {
  let server: MetadataServer
  let instance: Instance
  beforeAll(async () => {
    server = await startMetadataServer()
    instance = instanceWith({ shell: 'dash', client: 'curl' })
  })
  afterAll(() => server.close())
  beforeEach(() => {
    Object.assign(server, { metadata: METADATA, refusals: 0, token: undefined, cut: undefined, requests: [] })
    reset(instance)
  })

  const boot = (env = {}, of = instance) => of.run('vdc-metadata', { VDC_METADATA_URL: server.url, ...env })
  const log = () => instance.read('var/log/vdc-metadata.log')
  /** Makes a new guest, whose first user owns the home folder. */
  function reset(of: Instance, entries: Entries = {}) {
    of.reset({ ...GUEST, ...entries })
    chownSync(join(of.path, 'home/first'), 1000, 1000)
  }
  const files = (folder: string): string[] =>
    readdirSync(join(instance.path, folder), { recursive: true, encoding: 'utf8' }).sort()

  const PROGRAMS: Programs[] = [
    { shell: 'dash', client: 'curl' },
    { shell: 'bash', client: 'wget' },
    { shell: 'busybox', client: 'applet' },
    { shell: 'dash', client: 'busybox' },
    { shell: 'bash', client: 'none' },
  ]
  test.each(PROGRAMS)('sets up an instance with $shell and $client, once', async (programs) => {
    const of = instanceWith(programs)
    reset(of)
    server.refusals = 2
    expect(await boot({}, of)).toEqual({ code: 0 })
    expect(of.read('etc/hostname')).toBe('web.shpoolxx.vdc.local\n')
    expect(of.read('etc/hosts')).toBe('127.0.0.1 localhost\n127.0.1.1 web.shpoolxx.vdc.local web\n')
    expect(of.has('etc/sysconfig')).toBe(false)
    expect(of.read(AUTHORIZED)).toBe(KEYS)
    for (const [name, mode] of [
      ['home/first/.ssh', 0o700],
      [AUTHORIZED, 0o600],
    ] as const) {
      const stat = statSync(join(of.path, name))
      expect([stat.uid, stat.mode & 0o7777]).toEqual([1000, mode])
    }
    expect(of.has('root/.ssh')).toBe(false)
    expect(of.read('root/ran')).toBe('web.shpoolxx.vdc.local\n')
    expect(of.read('var/log/vdc-metadata.log')).toContain('from the user-data\n')
    expect(of.read('dev/console')).toMatch(/^vdc-metadata: setting up instance i-abc12345$/m)
    expect(of.read('dev/console')).toMatch(/^vdc-metadata: the user-data ended with exit code 0$/m)
    expect(of.has('dev/ttyS0')).toBe(false)
    for (const name of ['var/lib/vdc-metadata', 'var/lib/vdc-metadata/user-data', 'var/log/vdc-metadata.log'])
      expect(statSync(join(of.path, name)).mode & 0o077).toBe(0)

    // The same instance again, in which the user has changed things.
    writeFileSync(join(of.path, AUTHORIZED), '')
    writeFileSync(join(of.path, 'etc/hostname'), 'mine\n')
    expect(await boot({}, of)).toEqual({ code: 0 })
    expect(of.read(AUTHORIZED)).toBe('')
    expect(of.read('etc/hostname')).toBe('mine\n')
    expect(of.read('root/ran')).toBe('web.shpoolxx.vdc.local\n')

    // Another instance of an image that was made of this one.
    server.metadata = { ...METADATA, 'meta-data/instance-id': 'i-other', 'meta-data/local-hostname': 'other' }
    expect(await boot({}, of)).toEqual({ code: 0 })
    expect(of.read(AUTHORIZED)).toBe(KEYS)
    expect(of.read('etc/hosts')).toBe('127.0.0.1 localhost\n127.0.1.1 other\n')
    expect(of.read('root/ran')).toBe('web.shpoolxx.vdc.local\nother\n')
  })

  test.each(PROGRAMS)('gets everything from metadata serve with $shell and $client', async (programs) => {
    const of = instanceWith(programs)
    const paths: string[] = []
    const service = await startMetadataService(
      { host: '127.0.0.1', port: 0 },
      {
        // BusyBox cannot ask for a token.
        imdsV2: ['applet', 'busybox'].includes(programs.client) ? 'off' : 'required',
        find: async () => ({ ...FULL, userData: Buffer.from(METADATA['user-data'] as string) }),
        onRequest: ({ path, status }) => status === 200 && paths.push(path),
      },
    )
    try {
      reset(of)
      const { port } = service.endpoint as { port: number }
      expect(await boot({ VDC_METADATA_URL: `http://127.0.0.1:${port}` }, of)).toEqual({ code: 0 })
      expect(of.read('etc/hostname')).toBe('web1\n')
      expect(of.read(AUTHORIZED)).toBe(`${FULL.publicKeys.map(({ key }) => key).join('\n')}\n`)
      expect(of.read('root/ran')).toBe('web1\n')
      expect(paths).toContain('/latest/meta-data/instance-id')
    } finally {
      await service.close()
    }
  })

  test('understands Wakame-vdc 11.06, and CentOS 5', async () => {
    server.metadata = METADATA_11
    instance.reset({
      '/etc/passwd': 'root:x:0:0::/root:/bin/sh\nold:x:500:500::/home/old:/bin/sh\n',
      '/etc/login.defs': '# users\nUID_MIN\t\t\t  500\n',
      '/etc/sysconfig/network': 'NETWORKING=yes\nHOSTNAME=builder\nHOSTNAME=twice\nGATEWAYDEV=eth0',
      '/home/old/.ssh/authorized_keys': '# ssh-rsa AAAAB3bare\nssh-dss AAAAmine',
    })
    for (const name of ['home/old', 'home/old/.ssh', 'home/old/.ssh/authorized_keys'])
      chownSync(join(instance.path, name), 500, 500)
    expect(await boot()).toEqual({ code: 0 })
    expect(instance.read('etc/sysconfig/network')).toBe('NETWORKING=yes\nHOSTNAME=abc12345\nGATEWAYDEV=eth0\n')
    expect(instance.has('etc/hostname')).toBe(false)
    expect(instance.read('etc/hosts')).toBe('127.0.1.1 abc12345\n')
    expect(instance.read('home/old/.ssh/authorized_keys')).toBe(
      '# ssh-rsa AAAAB3bare\nssh-dss AAAAmine\nssh-rsa AAAAB3bare\n',
    )
    expect(instance.read('root/ran')).toBe('ran\n')
  })

  test('gives the keys to root if there is no ordinary user, and adds none twice', async () => {
    const known = 'ssh-rsa AAAAB3first another comment\n'
    instance.reset({
      '/etc/passwd':
        'root:x:0:0::/root:/bin/sh\ndaemon:x:1000:1000::/srv:/usr/sbin/nologin\ngone:x:1001:1::/gone:/bin/sh\n',
      '/root/.ssh/authorized_keys': known,
      '/srv/x': '',
    })
    expect(await boot()).toEqual({ code: 0 })
    expect(instance.read('root/.ssh/authorized_keys')).toBe(`${known}ssh-ed25519 AAAAC3second\n`)
    expect(instance.has('srv/.ssh')).toBe(false)
    expect(log()).toContain('SSH keys of root: 2')
  })

  test('keeps waiting as often as it should, and then gives up', async () => {
    server.refusals = 100
    expect(await boot()).toEqual({ code: 1 })
    expect(server.requests).toHaveLength(10)
    expect(log()).toMatch(/instance-id cannot be read: curl: /)
    expect(instance.read('etc/hostname')).toBe('builder\n')
    expect(instance.read('dev/console')).toContain('cannot be read')
  })

  test('waits for an instance that the server does not know yet', async () => {
    server.metadata = {}
    expect(await boot({ VDC_METADATA_TRIES: '4' })).toEqual({ code: 1 })
    expect(server.requests).toHaveLength(4)
    server.metadata = METADATA
    expect(await boot()).toEqual({ code: 0 })
  })

  test('makes do with an instance ID alone', async () => {
    server.metadata = { 'meta-data/instance-id': 'i-abc12345' }
    expect(await boot()).toEqual({ code: 0 })
    expect(new Set(server.requests).size).toBe(server.requests.length)
    expect(instance.read('etc/hostname')).toBe('builder\n')
    expect(instance.read('etc/hosts')).toBe(GUEST['/etc/hosts'])
    expect(files('home')).toEqual(['first', 'first/.profile', 'second', 'second/.profile'])
    expect(log()).toContain('no SSH keys')
  })

  test('tries again at the next boot if the server failed, and runs no user-data until then', async () => {
    server.metadata = { ...METADATA, 'meta-data/public-keys': 500 }
    expect(await boot()).toEqual({ code: 1 })
    expect(instance.has('root/ran')).toBe(false)
    expect(log()).toContain('the next boot will try again')
    server.metadata = METADATA
    expect(await boot()).toEqual({ code: 0 })
    expect(instance.read(AUTHORIZED)).toBe(KEYS)
    expect(instance.read('root/ran')).toBe('web.shpoolxx.vdc.local\n')
  })

  test.each(['<html>no</html>', '../../etc', 'i-1\ni-2', '$(touch /root/evil)', ''])(
    'refuses the instance ID %j',
    async (id) => {
      server.metadata = { ...METADATA, 'meta-data/instance-id': id }
      expect(await boot()).toEqual({ code: 1 })
      expect(log()).toContain('the instance ID from the metadata server is not valid')
      expect(files('var/lib')).toEqual(['vdc-metadata'])
      expect(files('root')).toEqual([])
    },
  )

  test.each([
    'a b',
    '$(touch /root/evil)',
    '`touch /root/evil`',
    'a;reboot',
    "'",
    '-F',
    '.a',
    'a..b',
    'a\nb',
    'a/b',
    'ä',
    'a\u001b[31m',
    'x'.repeat(65),
  ])('refuses the host name %j', async (name) => {
    server.metadata = { ...METADATA, 'meta-data/local-hostname': name }
    expect(await boot()).toEqual({ code: 0 })
    expect(instance.read('etc/hostname')).toBe('builder\n')
    expect(instance.read('etc/hosts')).toBe(GUEST['/etc/hosts'])
    expect(log()).toContain('the host name from the metadata server is not valid')
    expect(instance.has('root/evil')).toBe(false)
    expect(instance.read(AUTHORIZED)).toBe(KEYS)
  })

  test('takes keys as text, and leaves out what is none', async () => {
    const comment = `$(touch /root/evil) \`touch /root/evil\` ; touch /root/evil & "'\\n %s * ../ ä`
    server.metadata = {
      ...METADATA,
      'meta-data/public-keys': '0=a b;touch /root/evil\n1$(touch /root/evil)=x\n../=y\n7=missing\n<html>\n\tssh-rsa',
      'meta-data/public-keys/0/openssh-key': `ssh-rsa AAAAB3+/x== ${comment}\r\nssh-rsa $(touch) x\ncommand="x" ssh-rsa AAAA\necdsa-sha2-nistp256\tAAAAE2\u001b[31m x\nsk-ssh-ed25519@openssh.com AAAAG`,
    }
    expect(await boot()).toEqual({ code: 0 })
    expect(instance.read(AUTHORIZED)).toBe(`ssh-rsa AAAAB3+/x== ${comment}\nsk-ssh-ed25519@openssh.com AAAAG\n`)
    expect(files('root')).toEqual(['ran'])
  })

  test.each([
    ['the folder', '.ssh', '../../root/target'],
    ['the file', '.ssh/authorized_keys', '../../../root/target/authorized_keys'],
  ])('does not follow a link of the user to what is not theirs: %s', async (_, name, target) => {
    reset(instance, { '/root/target/authorized_keys': 'ssh-rsa AAAAroot\n' })
    const place = join(instance.path, 'home/first', name)
    if (name !== '.ssh') {
      mkdirSync(join(place, '..'))
      chownSync(join(place, '..'), 1000, 1000)
    }
    symlinkSync(target, place)
    expect(await boot()).toEqual({ code: 0 })
    expect(instance.read('root/target/authorized_keys')).toBe('ssh-rsa AAAAroot\n')
    expect(statSync(join(instance.path, 'root/target/authorized_keys')).uid).toBe(0)
    expect(lstatSync(place).isSymbolicLink()).toBe(true)
    expect(log()).toContain('the SSH keys of first cannot be written')
  })

  test('keeps user-data that is not a script, byte for byte, and does not run it', async () => {
    server.metadata = { ...METADATA, 'user-data': '#cloud-config\nruncmd: [ touch /root/ran ]\n\n' }
    expect(await boot()).toEqual({ code: 0 })
    expect(instance.read('var/lib/vdc-metadata/user-data')).toBe('#cloud-config\nruncmd: [ touch /root/ran ]\n\n')
    expect(files('root')).toEqual([])
    expect(log()).toContain('the user-data is not a script')
  })

  test('does not run user-data a second time if it ended the boot, and reports its exit code', async () => {
    const userData = '#!/bin/sh\necho ran >>/root/ran\nkill -9 $PPID\n'
    server.metadata = { ...METADATA, 'user-data': userData }
    await boot()
    expect(await boot()).toEqual({ code: 0 })
    expect(instance.read('root/ran')).toBe('ran\n')
    server.metadata = { ...METADATA, 'meta-data/instance-id': 'i-2', 'user-data': '#!/bin/sh\nexit 7\n' }
    expect(await boot()).toEqual({ code: 0 })
    expect(log()).toContain('the user-data ended with exit code 7')
  })

  test.each([
    ['curl', 'bash'],
    ['wget', 'dash'],
    ['none', 'bash'],
  ] as const)('asks for a token with %s and %s if the server wants one', async (client, shell) => {
    const of = instanceWith({ shell, client })
    reset(of)
    server.token = 'AQAEA=='
    expect(await boot({}, of)).toEqual({ code: 0 })
    expect(server.requests.filter((path) => path.endsWith('/api/token'))).toHaveLength(1)
    expect(of.read(AUTHORIZED)).toBe(KEYS)
    expect(of.has('var/lib/vdc-metadata/token')).toBe(false)
  })

  test('says so if nothing can send requests', async () => {
    const of = instanceWith({ shell: 'dash', client: 'none' })
    reset(of)
    expect(await boot({}, of)).toEqual({ code: 1 })
    expect(of.read('dev/console')).toContain('curl, wget, busybox and bash are missing')
  })

  test.each(PROGRAMS)('runs no user-data that is cut off, with $shell and $client', async (programs) => {
    const of = instanceWith(programs)
    reset(of)
    server.cut = 'user-data'
    expect(await boot({}, of)).toEqual({ code: 1 })
    expect(of.has('root/ran')).toBe(false)
    expect(of.read('var/log/vdc-metadata.log')).toContain('latest/user-data cannot be read')
  })

  describe('with growpart', () => {
    const TOOLS: Entries = Object.fromEntries(
      ['growpart', 'resize2fs', 'xfs_growfs', 'btrfs'].map((name) => [
        `/usr/local/bin/${name}`,
        script(`echo ${name} "$@" >>/root/grown`),
      ]),
    )
    const DISK: Entries = {
      '/sys/class/block/vda2': link('../../devices/vda/vda2'),
      '/sys/devices/vda/vda2/partition': '2\n',
      '/sys/devices/dm-0/size': '1\n',
      '/sys/class/block/dm-0': link('../../devices/dm-0'),
    }
    test.each([
      ['ext4', '/dev/vda2', 'growpart /dev/vda 2\nresize2fs /dev/vda2\n'],
      ['xfs', '/dev/vda2', 'growpart /dev/vda 2\nxfs_growfs /\n'],
      ['btrfs', '/dev/vda2', 'growpart /dev/vda 2\nbtrfs filesystem resize max /\n'],
      ['ext4', '/dev/dm-0', undefined],
      ['ext4', '/dev/root', undefined],
    ])('grows %s on %s at every boot', async (type, device, expected) => {
      reset(instance, { ...TOOLS, ...DISK, '/proc/mounts': `rootfs / rootfs rw 0 0\n${device} / ${type} rw 0 0\n` })
      await boot()
      await boot()
      expect(instance.has('root/grown') ? instance.read('root/grown') : undefined).toBe(expected && expected + expected)
    })
  })
})

describe.runIf(IS_ROOT)('the script for host keys', () => {
  test.each(['dash', 'bash', 'busybox'] as const)('makes what is missing with %s', async (shell) => {
    const of = instanceWith({ shell, client: 'none' })
    of.reset({ ...GUEST, '/etc/ssh/ssh_host_rsa_key': '', '/etc/ssh/ssh_host_rsa_key.pub': '' })
    expect(await of.run('vdc-hostkeys')).toEqual({ code: 0 })
    expect(of.read('etc/ssh/ssh_host_rsa_key')).toMatch(/^-----BEGIN/)
    expect(of.read('etc/ssh/ssh_host_rsa_key.pub')).toMatch(/^ssh-rsa /)
    expect(statSync(join(of.path, 'etc/ssh/ssh_host_ed25519_key')).mode & 0o7777).toBe(0o600)
    const made = of.read('etc/ssh/ssh_host_ed25519_key')
    expect(await of.run('vdc-hostkeys')).toEqual({ code: 0 })
    expect(of.read('etc/ssh/ssh_host_ed25519_key')).toBe(made)

    // As before OpenSSH 5.8.
    const old = script('case $* in -A | *ecdsa*) exit 1 ;; esac\nexec /bin/ssh-keygen "$@" -b 1024')
    of.reset({ ...GUEST, '/usr/bin/ssh-keygen': old })
    expect(await of.run('vdc-hostkeys')).toEqual({ code: 0 })
    expect(readdirSync(join(of.path, 'etc/ssh')).filter((name) => !/dsa/.test(name) || /_rsa_/.test(name))).toEqual([
      'ssh_host_rsa_key',
      'ssh_host_rsa_key.pub',
    ])
    of.reset({ ...GUEST, '/usr/bin/ssh-keygen': script('exit 1') })
    expect(await of.run('vdc-hostkeys')).toEqual({ code: 1 })
  })
})
