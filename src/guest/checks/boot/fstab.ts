import { type GuestDisk, type GuestFilesystem, NO_DISK } from '../../guest.ts'
import { kernelLines } from '../../parsers/boot-config.ts'
import { type FstabEntry, fstabIn } from '../../parsers/fstab.ts'
import { nameOf } from '../../tree/guest-path.ts'
import type { Finding, GuestCheck } from '../check.ts'

const FSTAB = '/etc/fstab'
/** Names that depend on the kind of disk and the order in which disks are found. */
const UNSTABLE = /^\/dev\/(?:sd|hd|xvd|ubd)[a-z]+\d*$/
/** Names that stand for one disk of one host. */
const OF_A_HOST = /^\/dev\/disk\/by-(?:id|path)\//
const NETWORK_TYPE =
  /^(?:nfs4?|cifs|smbfs|smb3|glusterfs|ceph|afs|ncpfs|fuse\.(?:sshfs|glusterfs|ceph)|fuse\.?sshfs|9p|davfs)$/
/** Tags of fstab(5), and the names of filesystems that they refer to. */
const TAGS: readonly [prefix: RegExp, key: keyof GuestFilesystem][] = [
  [/^(?:UUID=|\/dev\/disk\/by-uuid\/)/, 'uuid'],
  [/^(?:LABEL=|\/dev\/disk\/by-label\/)/, 'label'],
  [/^(?:PARTUUID=|\/dev\/disk\/by-partuuid\/)/, 'partUuid'],
  [/^(?:PARTLABEL=|\/dev\/disk\/by-partlabel\/)/, 'partLabel'],
]

export const fstab: GuestCheck = {
  id: 'boot.fstab',
  severity: 'error',
  requirement: 'All filesystems that are mounted at boot exist, by names that do not depend on the host.',
  looksAt: '`/etc/fstab`, `root=` in the configuration of the boot loader',
  remedy: 'Name filesystems by UUID, and remove those that do not exist or give them the option nofail.',

  async *run({ files, disk }) {
    const entries = fstabIn((await files.text(FSTAB)) ?? '').filter(({ options }) => !options.includes('noauto'))
    for (const entry of entries) {
      const finding = findingOf(entry, disk)
      if (finding !== undefined)
        yield { path: FSTAB, line: entry.line, value: `${entry.device} ${entry.mountPoint}`, ...finding }
    }
    for (const { path, line, words } of await kernelLines(files)) {
      const root = words.find((word) => UNSTABLE.test(word.replace(/^root=/, '')) && word.startsWith('root='))
      if (root !== undefined)
        yield { message: 'the device name of the root filesystem depends on the host', path, line, value: root }
    }
  },
}

function findingOf({ device, type, options }: FstabEntry, disk: GuestDisk | undefined): Finding | undefined {
  // systemd.mount(5): the boot continues without it.
  const isNeeded = !options.includes('nofail')
  const result = isNeeded && type !== 'swap' ? 'error' : 'warning'
  if (UNSTABLE.test(device)) return { result, message: 'the device name depends on the host' }
  if (OF_A_HOST.test(device)) return { result, message: 'the device is one of the builder' }
  if (NETWORK_TYPE.test(type) || options.includes('_netdev') || /^(?:\/\/|[\w.-]+:\/)/.test(device))
    return isNeeded ? { result: 'warning', message: 'a network filesystem is mounted without nofail' } : undefined
  const [prefix, key] = TAGS.find(([tag]) => tag.test(device)) ?? []
  if (prefix === undefined || key === undefined) return undefined
  if (disk === undefined) return { result: 'unknown', message: `whether filesystems exist: ${NO_DISK}` }
  const name =
    key === 'uuid' || key === 'partUuid' ? nameOf(device.replace(prefix, '')).toLowerCase() : device.replace(prefix, '')
  const isThere = disk.filesystems.some(
    (each) => (key === 'uuid' || key === 'partUuid' ? each[key]?.toLowerCase() : each[key]) === name,
  )
  return isThere ? undefined : { result, message: 'the filesystem does not exist' }
}
