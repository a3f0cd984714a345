import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { bodyOf, unknownText } from '../../../src/guest/metadata/answers.ts'
import type { Instance } from '../../../src/guest/metadata/instance.ts'
import { BARE, FULL } from '../../support/guests/metadata-instance.ts'

const USER_DATA = "#!/bin/sh\necho it\\'s on\n"
const LIST = `ami-id
ami-launch-index
ami-manifest-path
ancestor-ami-ids
block-device-mapping/
hostname
instance-action
instance-id
instance-type
kernel-id
local-hostname
local-ipv4
mac
network/
placement/
product-codes
public-hostname
public-ipv4
public-keys/
ramdisk-id
reservation-id
security-groups`
const MACS = 'meta-data/network/interfaces/macs'
const OF_INTERFACE =
  'local-hostname\nlocal-ipv4s\nmac\npublic-hostname\npublic-ipv4s\nsecurity-groups\nx-gateway\nx-netmask\nx-network\nx-broadcast\nx-metric'

/** What guest.md says of each path below a version. */
const BODIES: Readonly<Record<string, string>> = {
  // Release 16.1.
  '': 'meta-data\nuser-data',
  'user-data': USER_DATA,
  'meta-data/': LIST,
  'meta-data/ami-id': 'wmi-lucid0',
  'meta-data/ami-launch-index': '0',
  'meta-data/ami-manifest-path': '',
  'meta-data/ancestor-ami-ids': '',
  'meta-data/block-device-mapping/': 'root',
  'meta-data/block-device-mapping/root': '/dev/sda',
  'meta-data/hostname': 'web1',
  'meta-data/instance-action': 'running',
  'meta-data/instance-id': 'i-abc12345',
  'meta-data/instance-type': 'is-small',
  'meta-data/kernel-id': '',
  'meta-data/local-hostname': 'web1',
  'meta-data/network/': 'interfaces/',
  'meta-data/network/interfaces/': 'macs/',
  [`${MACS}/`]: '52:54:00:00:00:01/\n52:54:00:00:00:02/',
  [`${MACS}/52:54:00:00:00:01/`]: OF_INTERFACE,
  [`${MACS}/52:54:00:00:00:01/local-hostname`]: 'web1',
  [`${MACS}/52:54:00:00:00:01/local-ipv4s`]: '10.0.0.5',
  [`${MACS}/52:54:00:00:00:01/mac`]: '52:54:00:00:00:01',
  [`${MACS}/52:54:00:00:00:01/public-hostname`]: 'web1',
  [`${MACS}/52:54:00:00:00:01/public-ipv4s`]: '203.0.113.5',
  [`${MACS}/52:54:00:00:00:01/security-groups`]: 'sg-web\nsg-ssh',
  [`${MACS}/52:54:00:00:00:01/x-gateway`]: '10.0.0.1',
  [`${MACS}/52:54:00:00:00:01/x-netmask`]: '255.255.255.0',
  [`${MACS}/52:54:00:00:00:01/x-network`]: '10.0.0.0',
  [`${MACS}/52:54:00:00:00:01/x-broadcast`]: '10.0.0.255',
  [`${MACS}/52:54:00:00:00:01/x-metric`]: '100',
  [`${MACS}/52:54:00:00:00:02/`]: OF_INTERFACE,
  [`${MACS}/52:54:00:00:00:02/public-ipv4s`]: '',
  [`${MACS}/52:54:00:00:00:02/security-groups`]: 'sg-ssh',
  [`${MACS}/52:54:00:00:00:02/x-gateway`]: '',
  [`${MACS}/52:54:00:00:00:02/x-netmask`]: '255.255.252.0',
  [`${MACS}/52:54:00:00:00:02/x-broadcast`]: '192.168.7.255',
  'meta-data/placement/': 'availability-zone',
  'meta-data/placement/availability-zone': 'zone-a',
  'meta-data/product-codes': '',
  'meta-data/public-hostname': 'web1',
  'meta-data/public-keys/': '0=ssh-first\n1=ssh-second',
  'meta-data/public-keys/0/': 'openssh-key',
  'meta-data/public-keys/0/openssh-key': 'ssh-rsa AAAAB3first first@example.com',
  'meta-data/public-keys/1/openssh-key': 'ssh-ed25519 AAAAC3second',
  'meta-data/ramdisk-id': '',
  'meta-data/reservation-id': '',
  // Release 11.06, with one value per line.
  'meta-data/wmi-id': 'wmi-lucid0',
  'meta-data/mac': '52:54:00:00:00:01\n52:54:00:00:00:02',
  'meta-data/network': 'nw-inner\nnw-other',
  'meta-data/local-ipv4': '10.0.0.5\n192.168.7.9',
  'meta-data/public-ipv4': '203.0.113.5',
  'meta-data/public-keys': 'ssh-rsa AAAAB3first first@example.com\nssh-ed25519 AAAAC3second',
  'meta-data/security-groups': 'sg-web\nsg-ssh',
  'meta-data/user-data': USER_DATA,
  'metadata.json':
    '{"instance_id":"i-abc12345","cpu_cores":2,"memory_size":256,"state":"running","user_data":"#!/bin/sh\\necho it\\\\\'s on\\n",' +
    '"network":[[{"ip":"10.0.0.5","uuid":"nw-inner"}],[{"ip":"192.168.7.9","uuid":"nw-other"}]],"volume":[]}',
  'metadata.sh': `INSTANCE_ID='i-abc12345'
CPU_CORES='2'
MEMORY_SIZE='256'
STATE='running'
USER_DATA='#!/bin/sh
echo it\\'\\''s on
'
NETWORK='[[{:ip=>"10.0.0.5", :uuid=>"nw-inner"}], [{:ip=>"192.168.7.9", :uuid=>"nw-other"}]]'
VOLUME='[]'`,
  'metadata.yaml': `---
:instance_id: i-abc12345
:cpu_cores: 2
:memory_size: 256
:state: running
:user_data: |
  #!/bin/sh
  echo it\\'s on
:network:
- - :ip: 10.0.0.5
    :uuid: nw-inner
- - :ip: 192.168.7.9
    :uuid: nw-other
:volume: []`,
}

const textOf = async (instance: Instance, path: string) => (await bodyOf(instance, path))?.toString()

describe('the answers of the metadata service', () => {
  test.each(Object.entries(BODIES))('below a version, /%s', async (path, body) => {
    for (const version of ['latest', '2011-01-01', '2009-04-04', '1.0'])
      expect(await textOf(FULL, `/${version}/${path}`)).toBe(body)
  })

  test('the versions, and a version without a slash', async () => {
    expect(await textOf(FULL, '/')).toBe('latest\n2011-01-01')
    expect(await textOf(FULL, '/latest')).toBe('')
  })

  test('nothing at other paths', async () => {
    for (const path of [
      ...[
        '/latest/meta-data',
        '/latest/meta-data/x-y',
        '/latest/meta-data/instance-id/',
        '/latest/meta-data/placement',
      ],
      ...['/latest/meta-data/public-keys/2/', '/latest/meta-data/public-keys/0', '/latest/metadata.xml', '/latest/x/'],
      ...[`/latest/${MACS}/52:54:00:00:00:03/`, `/latest/${MACS}/52:54:00:00:00:01/x`, '/latest/constructor'],
      ...[
        '//latest/',
        '/latest//',
        '',
        'latest/',
        '/latest/dynamic/instance-identity',
        '/latest/meta-data/../user-data',
      ],
    ])
      expect([path, await bodyOf(FULL, path)]).toEqual([path, undefined])
  })

  test('the text of a 404 has underscores, and nothing that is not ASCII or too long', () => {
    expect(unknownText('/latest/meta-data/x-y')).toBe('Unknown metadata: x_y')
    expect(unknownText('/latest/x-y')).toBe('Unknown metadata: x_y')
    expect(unknownText('/latest/meta-data/a\r\n\u00e9\u001b[2J')).toBe('Unknown metadata: a????[2J')
    expect(unknownText(`/latest/${'x'.repeat(1000)}`)).toHaveLength(118)
  })

  test('the YAML has texts that version 1.1, which Ruby reads, takes as texts', async () => {
    for (const text of ['yes', 'off', '1:30', '2011-01-01', '1_000', '0777', '~', 'a\r\nb', '\u0000\u0085', '- x: y']) {
      const yaml = await textOf({ ...FULL, userData: Buffer.from(text) }, '/latest/metadata.yaml')
      expect(parse(yaml ?? '', { version: '1.1' })[':user_data']).toBe(text)
    }
  })

  test.each([
    ['full', FULL],
    ['bare', BARE],
  ])('everything that is listed for a %s instance is served', async (_, instance) => {
    const served: string[] = []
    async function walk(folder: string): Promise<void> {
      const list = await textOf(instance, `/latest/${folder}`)
      for (const line of (list ?? 'missing').split('\n').filter(Boolean)) {
        // As cloud-init does: `0=NAME` stands for `0/`.
        const entry = line.replace(/^(\d+)=.*$/, '$1/')
        const path = folder + entry + (folder + entry === 'meta-data' ? '/' : '')
        expect([path, await textOf(instance, `/latest/${path}`)]).toEqual([path, expect.any(String)])
        served.push(path)
        if (path.endsWith('/')) await walk(path)
      }
    }
    await walk('')
    expect(served).toContain('meta-data/public-keys/')
    expect(served.length).toBe(instance === FULL ? 56 : 28)
  })

  test('what a bare instance lacks is empty', async () => {
    for (const name of ['user-data', 'meta-data/public-keys', 'meta-data/public-keys/', 'meta-data/mac', `${MACS}/`])
      expect(await textOf(BARE, `/latest/${name}`)).toBe('')
    expect(await textOf(BARE, '/latest/metadata.json')).toContain('"user_data":"","network":[]')
  })
})
