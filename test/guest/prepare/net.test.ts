import { describe, expect, test } from 'vitest'
import { type Entries, link } from '../../support/guests/guests.ts'
import { prepare } from '../../support/guests/prepare.ts'

const IFCFG = '/etc/sysconfig/network-scripts/ifcfg-eth0'
const RULES = '/etc/udev/rules.d/70-persistent-net.rules'
const NM = '/etc/NetworkManager/system-connections'
const MAC = '52:54:00:12:34:56'

/** Prepares a guest for one check, after which the check must be ok, and nothing is left to do. */
async function fixed(id: string, entries: Entries, options: Parameters<typeof prepare>[1] = {}) {
  const { reports, made, again, ...planned } = await prepare(entries, { only: [id], ...options })
  expect(again).toEqual([])
  expect(reports).toMatchObject([{ check: id, result: 'ok' }])
  expect(made).toEqual(reports)
  return planned
}

describe('net.mac', () => {
  const PARTS: [title: string, path: string, before: string, after: string][] = [
    [
      'ifcfg, also twice, exported and with a comment',
      IFCFG,
      `# HWADDR=${MAC}\nDEVICE=eth0\n HWADDR="${MAC}" # card\nexport HWADDR=${MAC}\nUUID=x\nNAME=eth0\nMACADDR='${MAC}'\n`,
      `# HWADDR=${MAC}\nDEVICE=eth0\nUUID=x\nNAME=eth0\n`,
    ],
    [
      'ifcfg before something else',
      IFCFG,
      `HWADDR=${MAC}; ONBOOT=yes\nMACADDR="${MAC}"x\n`,
      'HWADDR=; ONBOOT=yes\nMACADDR=\n',
    ],
    ['ifcfg without a final newline', IFCFG, `DEVICE=eth0\nHWADDR=${MAC}`, 'DEVICE=eth0\n'],
    ['ifcfg that ends without a newline', IFCFG, `HWADDR=${MAC}\nDEVICE=eth0`, 'DEVICE=eth0'],
    ['ifcfg of Windows', IFCFG, `DEVICE=eth0\r\nHWADDR=${MAC}\r\nONBOOT=yes\r\n`, 'DEVICE=eth0\r\nONBOOT=yes\r\n'],
    [
      'interfaces',
      '/etc/network/interfaces',
      `auto eth0\niface eth0 inet dhcp\n\thwaddress ether \\\n\t  ${MAC}\n\t# comment\n\tmtu 1400\n`,
      'auto eth0\niface eth0 inet dhcp\n\t# comment\n\tmtu 1400\n',
    ],
    [
      'NetworkManager',
      `${NM}/a.nmconnection`,
      `[connection]\nid=a\n[ethernet]\nmac-address=${MAC}\ncloned-mac-address = ${MAC}\n\n[ipv4]\nmethod=auto\n`,
      '[connection]\nid=a\n[ethernet]\n\n[ipv4]\nmethod=auto\n',
    ],
    [
      'networkd that matches by it alone',
      '/etc/systemd/network/a.network',
      `[Match]\r\nMACAddress=${MAC}\r\nPermanentMACAddress=${MAC}\r\nName=\r\n[Network]\r\nDHCP=yes\r\n`,
      '[Match]\r\nType=ether\r\nName=\r\n[Network]\r\nDHCP=yes\r\n',
    ],
    [
      'networkd that matches by something else, too',
      '/etc/systemd/network/a.link',
      `[Match]\nName=e*\nMACAddress=\\\n  ${MAC}\n[Link]\nMACAddress=${MAC}\nMTUBytes=1400`,
      '[Match]\nName=e*\n[Link]\nMTUBytes=1400',
    ],
    ['networkd that matches everything', '/etc/systemd/network/a.link', `[Link]\nMACAddress=${MAC}\n`, '[Link]\n'],
    [
      'netplan that matches by it alone',
      '/etc/netplan/a.yaml',
      `network:\n  ethernets:\n    ens3: # first\n      match:\n        macaddress: "${MAC}" # card\n      set-name: ens3\n      dhcp4: true\n`,
      'network:\n  ethernets:\n    ens3: # first\n      match:\n        name: "e*" # card\n      set-name: ens3\n      dhcp4: true\n',
    ],
    [
      'netplan that matches by something else, too',
      '/etc/netplan/a.yaml',
      `network:\n  ethernets:\n    a:\n      match:\n        macaddress: ${MAC}\n        driver: virtio_net\n      macaddress: ${MAC}`,
      'network:\n  ethernets:\n    a:\n      match:\n        driver: virtio_net\n',
    ],
    [
      'netplan with an explicit key',
      '/etc/netplan/a.yaml',
      `network:\n  ethernets:\n    a:\n      ? macaddress\n      : "${MAC}"\n      ? x\n`,
      'network:\n  ethernets:\n    a:\n      ? x\n',
    ],
    [
      'netplan with nothing else',
      '/etc/netplan/a.yaml',
      `network:\n  ethernets:\n    a:\n      macaddress: ${MAC}\n    b: {macaddress: "${MAC}"}\n`,
      'network:\n  ethernets:\n    a:\n      {}\n    b: {}\n',
    ],
    [
      'netplan in braces',
      '/etc/netplan/a.yaml',
      `network: {ethernets: {a: {match: {macaddress: "${MAC}"}, macaddress: "${MAC}"}, b: {macaddress: '${MAC}', dhcp4: true}}}`,
      'network: {ethernets: {a: {match: {name: "e*"}}, b: {dhcp4: true}}}',
    ],
    [
      'netplan with an anchor for the interface',
      '/etc/netplan/a.yaml',
      `network:\n  ethernets:\n    a: &card\n      match: {macaddress: "${MAC}"}\n    b: *card\n`,
      'network:\n  ethernets:\n    a: &card\n      match: {name: "e*"}\n    b: *card\n',
    ],
    [
      'netplan of cloud-init, with bytes that are not UTF-8',
      '/etc/netplan/50-cloud-init.yaml',
      `# Written by cloud-init, \xff.\nnetwork:\n    ethernets:\n        ens3:\n            dhcp4: true\n            match:\n                macaddress: ${MAC}\n`,
      '# Written by cloud-init, \xff.\nnetwork:\n    ethernets:\n        ens3:\n            dhcp4: true\n            match:\n                name: "e*"\n',
    ],
  ]

  test.each(PARTS)('%s', async (_, path, before, after) => {
    const { texts, edits } = await fixed('net.mac', { [path]: { bytes: Buffer.from(before, 'latin1') } })
    expect(texts).toEqual({ [path]: after })
    expect(edits).toMatchObject([{ check: 'net.mac', what: 'without the MAC address' }])
  })

  test('an option of interfaces(5) in an included file', async () => {
    const { texts } = await fixed('net.mac', {
      '/etc/network/interfaces': 'auto eth0\niface eth0 inet dhcp\nsource mac\n',
      '/etc/network/mac': `# here\nhwaddress ether ${MAC}\n`,
    })
    expect(texts).toEqual({ '/etc/network/mac': '# here\n' })
  })

  test('a file behind links is changed where it is', async () => {
    const { lines } = await fixed('net.mac', {
      '/etc/sysconfig/network-scripts': link('/srv/net'),
      '/srv/net/ifcfg-eth0': link('/../../../srv/eth0'),
      '/srv/eth0': `HWADDR=${MAC}\n`,
    })
    expect(lines).toEqual(['empty /srv/eth0'])
  })

  test.each<[string, Entries, string[]]>([
    ['rules with an address', { [RULES]: `ATTR{address}=="${MAC}", NAME="eth0"\n` }, [`link ${RULES} /dev/null`]],
    ['the link of the guide', { [RULES]: link('/mnt/lucid/dev/null') }, [`link ${RULES} /dev/null`]],
    [
      'a generator, without a folder for rules',
      { '/usr/lib/udev/rules.d/75-persistent-net-generator.rules': 'x\n' },
      [`link ${RULES} /dev/null`],
    ],
    [
      'a folder that is a link',
      { '/etc/udev': link('/srv/udev'), '/usr/lib/udev/rules.d/75-persistent-net-generator.rules': 'x\n' },
      ['link /srv/udev/rules.d/70-persistent-net.rules /dev/null'],
    ],
    ['a link that is right', { [RULES]: link('/dev/null') }, []],
    ['rules without an address', { [RULES]: 'SUBSYSTEM=="net", NAME="eth0"\n' }, []],
  ])('udev: %s', async (_, entries, lines) => {
    expect((await fixed('net.mac', entries)).lines).toEqual(lines)
  })

  test.each<[string, Entries]>([
    [
      'an anchor of the address that is used elsewhere',
      { '/etc/netplan/a.yaml': `network:\n  ethernets:\n    a:\n      macaddress: &m "${MAC}"\n      x: *m\n` },
    ],
    ['nothing else but a comma', { '/etc/netplan/a.yaml': `network: {ethernets: {a: {macaddress: "${MAC}",}}}` }],
  ])('%s is left to people, and the rest is done', async (_, entries) => {
    const { lines, reports } = await prepare({ ...entries, [IFCFG]: `HWADDR=${MAC}\nx=\n` }, { only: ['net.mac'] })
    expect(lines).toEqual([`write ${IFCFG}`])
    expect(reports).toMatchObject([{ result: 'error', evidence: [{ path: '/etc/netplan/a.yaml' }] }])
  })

  test('what cannot be read is not changed', async () => {
    const { lines, reports } = await prepare(
      {
        '/etc/netplan/a.yaml': 'a: [\n',
        [`${NM}/a`]: { size: 2 ** 40 },
        '/etc/network/interfaces': { fifo: true },
        [IFCFG]: link('/dev/null'),
        [`${RULES}/x`]: '',
      },
      { only: ['net.mac'] },
    )
    expect(lines).toEqual([])
    expect(reports).toMatchObject([{ result: 'unknown', isBlocked: true }])
  })
})

describe('net.resolv', () => {
  const RESOLV = '/etc/resolv.conf'
  const PRIVATE = '# builder\nsearch builder.example\nnameserver 192.168.0.1\noptions rotate\nnameserver 8.8.8.8'

  test.each<[string, string, readonly string[], string]>([
    ['private ones go, with their domains', PRIVATE, [], '# builder\noptions rotate\nnameserver 8.8.8.8'],
    ['Windows lines', 'nameserver 10.0.0.1\r\noptions rotate\r\n', [], 'options rotate\r\n'],
    [
      'those chosen replace all',
      PRIVATE,
      ['9.9.9.9', '2620:fe::fe'],
      '# builder\noptions rotate\nnameserver 9.9.9.9\nnameserver 2620:fe::fe\n',
    ],
    [
      'those chosen, in another order',
      'nameserver 1.1.1.1\nnameserver 9.9.9.9\n',
      ['9.9.9.9', '1.1.1.1'],
      'nameserver 9.9.9.9\nnameserver 1.1.1.1\n',
    ],
  ])('%s', async (_, before, nameservers, after) => {
    const { texts } = await fixed('net.resolv', { [RESOLV]: before }, { nameservers })
    expect(texts).toEqual({ [RESOLV]: after })
  })

  test.each<[string, Entries, readonly string[], Record<string, string>]>([
    ['nothing is chosen, and nothing is wrong', { [RESOLV]: 'search example.org\nnameserver 8.8.8.8\n' }, [], {}],
    ['it has those that are chosen', { [RESOLV]: 'options rotate\nnameserver 9.9.9.9' }, ['9.9.9.9'], {}],
    ['it is missing', {}, ['9.9.9.9'], { [RESOLV]: 'nameserver 9.9.9.9\n' }],
    ['it is missing, and nothing is chosen', {}, [], {}],
    ['it is a link to nothing', { [RESOLV]: link('../run/systemd/resolve/stub-resolv.conf') }, ['9.9.9.9'], {}],
    [
      'it is a link to what is made at boot',
      { [RESOLV]: link('/../run/x/resolv.conf'), '/run/x/resolv.conf': 'nameserver 10.0.0.1\nnameserver 1.1.1.1\n' },
      ['9.9.9.9'],
      { '/run/x/resolv.conf': 'nameserver 1.1.1.1\n' },
    ],
    ['it is a link to /dev/null', { [RESOLV]: link('/dev/null') }, ['9.9.9.9'], {}],
  ])('%s', async (_, entries, nameservers, texts) => {
    expect((await fixed('net.resolv', entries, { nameservers })).texts).toEqual(texts)
  })

  test('a private one that is chosen is kept', async () => {
    const planned = await prepare(
      { [RESOLV]: 'nameserver 10.0.0.1\n' },
      { only: ['net.resolv'], nameservers: ['10.0.0.2'] },
    )
    expect(planned.texts).toEqual({ [RESOLV]: 'nameserver 10.0.0.2\n' })
    expect(planned.again).toEqual([])
  })

  test.each<[string, Entries]>([
    ['a folder', { [`${RESOLV}/x`]: '' }],
    ['a loop', { [RESOLV]: link('resolv.conf') }],
    ['a FIFO', { [RESOLV]: { fifo: true } }],
  ])('%s is left', async (_, entries) => {
    expect((await prepare(entries, { only: ['net.resolv'], nameservers: ['9.9.9.9'] })).lines).toEqual([])
  })
})
