import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { finishTree } from '../../../src/guest/build/tree/finish-tree.ts'
import { limitTimes } from '../../../src/guest/build/tree/limit-times.ts'
import type { TreeRequest } from '../../../src/guest/build/tree/tree-request.ts'
import { writeEdit } from '../../../src/guest/build/tree/write-edit.ts'
import { newFolder } from '../../support/files/images.ts'
import { type Entries, link, newGuest, program, SYSTEMD } from '../../support/guests/guests.ts'

const UUID = '33333333-cccc-8ccc-8ccc-000000000001'
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== operator\n'
const TIME = 1_700_000_000

/** What mmdebstrap leaves, as far as the checks look at it. */
const INSTALLED: Entries = {
  ...SYSTEMD,
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
  '/etc/shadow': 'root:*:19000:0:99999:7:::\n',
  '/boot/vmlinuz-6.1.0-1-cloud-amd64': 'kernel',
  '/boot/config-6.1.0-1-cloud-amd64': 'CONFIG_VIRTIO_BLK=y\nCONFIG_VIRTIO_NET=y\nCONFIG_HOTPLUG_PCI_ACPI=y\n',
  '/vmlinuz': link('boot/vmlinuz-6.1.0-1-cloud-amd64'),
  '/usr/sbin/sshd': program,
  '/usr/bin/growpart': program,
  '/usr/lib/systemd/system/ssh.service': '[Service]\nExecStart=/usr/sbin/sshd -D\n',
  '/etc/systemd/system/multi-user.target.wants/ssh.service': link('/usr/lib/systemd/system/ssh.service'),
  '/usr/lib/systemd/system/systemd-networkd.service': '[Service]\nExecStart=/usr/lib/systemd/systemd-networkd\n',
  '/etc/systemd/system/multi-user.target.wants/systemd-networkd.service': link(
    '/usr/lib/systemd/system/systemd-networkd.service',
  ),
  '/etc/ssh/ssh_host_ed25519_key': '-----BEGIN OPENSSH PRIVATE KEY-----\n',
  '/etc/hostname': 'host-that-builds\n',
  '/etc/resolv.conf': 'nameserver 10.1.2.3\n',
  '/etc/.resolv.conf.systemd-resolved.bak': 'nameserver 10.1.2.3\n',
  '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
  '/dev/null': 'a device',
  '/var/log/dpkg.log': 'log\n',
}

const requestOf = (tree: string, more: Partial<TreeRequest> = {}): TreeRequest => ({
  tree,
  init: 'script',
  hostName: 'guest',
  authorizedKeys: '',
  filesystem: UUID,
  disk: {
    hasBootCode: true,
    hasEfiLoader: false,
    isRootLast: true,
    roots: ['/dev/sda1'],
    encrypted: [],
    filesystems: [{ uuid: UUID }],
  },
  time: TIME,
  ...more,
})

describe('the files of a new guest', () => {
  test('are configured, prepared, checked and as old as they should be', async () => {
    const guest = newGuest(INSTALLED)
    const { edits, system, reports } = await finishTree(requestOf(guest.path))
    const read = (path: string) => readFileSync(join(guest.path, path), 'utf8')
    expect(system).toMatchObject({ kind: 'linux', init: 'systemd' })
    expect(reports.filter(({ result }) => result === 'error')).toEqual([])
    expect(edits.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['ssh.hostkeys', 'id.machine-id', 'init.metadata', 'log.files']),
    )
    expect(read('boot/grub/grub.cfg')).toContain(`linux /vmlinuz root=UUID=${UUID} ro console=tty0 console=ttyS0`)
    expect(read('etc/fstab')).toBe(`UUID=${UUID} / ext4 errors=remount-ro 0 1\n`)
    expect(read('etc/hostname')).toBe('guest\n')
    expect(readlinkSync(join(guest.path, 'etc/resolv.conf'))).toBe('../run/systemd/resolve/stub-resolv.conf')
    for (const gone of ['etc/.resolv.conf.systemd-resolved.bak', 'etc/ssh/ssh_host_ed25519_key', 'dev/null'])
      expect(existsSync(join(guest.path, gone)), gone).toBe(false)
    expect(read('etc/machine-id')).toBe('')
    expect(statSync(join(guest.path, 'usr/local/sbin/vdc-metadata')).mode & 0o777).toBe(0o755)
    for (const path of ['', 'etc', 'etc/fstab', 'vmlinuz', 'boot/vmlinuz-6.1.0-1-cloud-amd64'])
      expect(lstatSync(join(guest.path, path)).mtimeMs, path).toBe(TIME * 1000)
    guest.remove()
  })

  test('keep the keys that are asked for, which is worth a note', async () => {
    const guest = newGuest(INSTALLED)
    const { reports } = await finishTree(requestOf(guest.path, { authorizedKeys: KEY }))
    expect(readFileSync(join(guest.path, 'root/.ssh/authorized_keys'), 'utf8')).toBe(KEY)
    expect(statSync(join(guest.path, 'root/.ssh')).mode & 0o777).toBe(0o700)
    expect(reports.find(({ check }) => check === 'secret.keys')?.result).toBe('note')
    guest.remove()
  })

  test('are changed within the guest only, whatever its links lead to', async () => {
    const host = newFolder()
    writeFileSync(join(host.path, 'precious'), '')
    const { '/dev/null': _, ...installed } = INSTALLED
    const guest = newGuest({
      ...installed,
      '/dev': link(host.path),
      '/root': link(host.path),
      '/boot/grub': link(host.path),
      '/etc/systemd/network': link(host.path),
    })
    await finishTree(requestOf(guest.path, { authorizedKeys: KEY }))
    expect(readdirSync(host.path)).toEqual(['precious'])
    expect(readdirSync(join(guest.path, host.path)).sort()).toEqual(['.ssh', '80-dhcp.network', 'grub.cfg'])
    expect(readFileSync(join(guest.path, host.path, '.ssh/authorized_keys'), 'utf8')).toBe(KEY)
    expect(readdirSync(join(guest.path, 'dev'))).toEqual([])
    guest.remove()
    host.remove()
  })

  test('cannot be finished without a kernel', async () => {
    const { '/vmlinuz': _, ...rest } = INSTALLED
    const guest = newGuest(rest)
    await expect(finishTree(requestOf(guest.path))).rejects.toThrow('it has no kernel')
    guest.remove()
  })
})

describe('an edit of a file', () => {
  const folder = newFolder()
  afterAll(() => folder.remove())
  const at = (name: string) => join(folder.path, name)

  test('keeps the mode of a file, and other names keep its contents', async () => {
    writeFileSync(at('file'), 'old')
    chmodSync(at('file'), 0o640)
    linkSync(at('file'), at('other'))
    await writeEdit(folder.path, { action: 'write', path: '/file', text: 'new' })
    expect(readFileSync(at('file'), 'utf8')).toBe('new')
    expect(statSync(at('file')).mode & 0o777).toBe(0o640)
    expect(readFileSync(at('other'), 'utf8')).toBe('old')
  })

  test('does not follow a link in the place of the file', async () => {
    writeFileSync(at('target'), 'outside')
    symlinkSync(at('target'), at('link'))
    await writeEdit(folder.path, { action: 'write', path: '/link', text: 'new', mode: 0o600 })
    expect(lstatSync(at('link')).isFile()).toBe(true)
    expect(statSync(at('link')).mode & 0o777).toBe(0o600)
    expect(readFileSync(at('target'), 'utf8')).toBe('outside')
  })

  test('makes folders, links, and names that are not UTF-8; removes folders', async () => {
    await writeEdit(folder.path, { action: 'link', path: '/a/b/c', target: 'x' })
    expect(readlinkSync(at('a/b/c'))).toBe('x')
    await writeEdit(folder.path, { action: 'link', path: '/a/b/c', target: 'y' })
    expect(readlinkSync(at('a/b/c'))).toBe('y')
    await writeEdit(folder.path, { action: 'write', path: '/a/\xff', text: '\xfe' })
    const name = Buffer.concat([Buffer.from(at('a/')), Buffer.from([0xff])])
    expect(readFileSync(name)).toEqual(Buffer.from([0xfe]))
    await writeEdit(folder.path, { action: 'remove', path: '/a/\xff' })
    expect(existsSync(name)).toBe(false)
    await writeEdit(folder.path, { action: 'remove', path: '/a' })
    await writeEdit(folder.path, { action: 'remove', path: '/a' })
    expect(existsSync(at('a'))).toBe(false)
  })
})

test('times are limited, but older ones stay', async () => {
  const folder = newFolder()
  const at = (name: string) => join(folder.path, name)
  mkdirSync(at('in'))
  writeFileSync(at('in/old'), '')
  writeFileSync(at('in/new'), '')
  symlinkSync('nowhere', at('in/link'))
  utimesSync(at('in/old'), 1000.5, 1000.5)
  await limitTimes(Buffer.from(folder.path), TIME)
  expect(statSync(at('in/old')).mtimeMs).toBe(1_000_000)
  for (const name of ['', 'in', 'in/new', 'in/link']) expect(lstatSync(at(name)).mtimeMs, name).toBe(TIME * 1000)
  folder.remove()
})
