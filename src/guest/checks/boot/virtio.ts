import type { Guest } from '../../guest.ts'
import { assignmentsIn } from '../../parsers/assignments.ts'
import { initramfsHas } from '../../parsers/initramfs.ts'
import { driverOf, type KernelRelease, kernelReleases } from '../../parsers/kernels.ts'
import { linesOf } from '../../parsers/lines.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import type { GuestPath } from '../../tree/guest-path.ts'
import { Undecided } from '../../tree/undecided.ts'
import type { Finding, GuestCheck } from '../check.ts'

export const virtio: GuestCheck = {
  id: 'boot.virtio',
  severity: 'error',
  requirement: 'The kernel finds virtio disks and network cards at boot.',
  looksAt:
    '`modules.builtin` and `modules.dep` in `/lib/modules`, `/boot/config-*`, the configuration of initramfs-tools, dracut and mkinitrd, an initramfs that is packed with gzip',
  remedy: 'Add virtio_pci, virtio_blk and virtio_net to the initramfs, and build it anew.',

  async *run(guest) {
    const releases = await kernelReleases(guest.files)
    if (releases.length === 0) throw new Undecided('there is no folder of kernel modules in /lib/modules')
    for (const release of releases) yield* findingsOf(guest, release)
  },
}

async function* findingsOf({ files }: Guest, release: KernelRelease): AsyncGenerator<Finding> {
  const block = await driverOf(files, release, 'CONFIG_VIRTIO_BLK', 'virtio_blk')
  const net = await driverOf(files, release, 'CONFIG_VIRTIO_NET', 'virtio_net')
  const path = release.modules
  if (block === undefined) yield { message: `kernel ${release.name} has no driver for virtio disks`, path }
  if (net === undefined) yield { message: `kernel ${release.name} has no driver for virtio network cards`, path }
  if (block === 'unknown' || net === 'unknown')
    yield { result: 'unknown', message: `nothing tells whether kernel ${release.name} has virtio drivers`, path }
  if (block !== 'module') return
  if (release.initramfs === undefined) {
    yield { message: `kernel ${release.name} has virtio_blk as a module, but no initramfs`, path }
    return
  }
  if (await isConfigured(files)) return
  const isThere = await initramfsHas(files, release.initramfs, /\/virtio[_-]blk\.ko(?:\.\w+)?$/)
  const of = { path: release.initramfs }
  if (isThere === false) yield { message: `the initramfs of kernel ${release.name} lacks virtio_blk`, ...of }
  else if (isThere === undefined)
    yield {
      result: 'unknown',
      message: `nothing tells whether the initramfs of kernel ${release.name} has virtio_blk`,
      ...of,
    }
}

/** Returns true if the initramfs is configured to hold virtio drivers on any host, so that it need not be unpacked. */
async function isConfigured(files: GuestFiles): Promise<boolean> {
  if ((await hasMostModules(files)) || (await isForAnyHost(files))) return true
  // mkinitrd of CentOS 5 takes the modules that modprobe.conf names; mkinitfs.conf of Alpine has a feature.
  if (await hasLine(files, ['/etc/modprobe.conf'], /^alias\s+scsi_hostadapter\d*\s+virtio_blk\b/)) return true
  return hasLine(files, ['/etc/mkinitfs/mkinitfs.conf'], /\bvirtio\b/)
}

/** Reads initramfs.conf(5): "most" has all drivers of disks, "dep" only those of the host that made it. */
async function hasMostModules(files: GuestFiles): Promise<boolean> {
  let modules = ''
  for (const path of [
    '/etc/initramfs-tools/initramfs.conf',
    ...(await files.matching('/etc/initramfs-tools/conf.d', /./)),
  ])
    modules = assignmentsIn((await files.text(path)) ?? '').get('MODULES')?.value ?? modules
  return modules === 'most' || hasLine(files, ['/etc/initramfs-tools/modules'], /^virtio_blk\b/)
}

/** Reads dracut.conf(5); the package dracut-config-generic sets hostonly to no. */
async function isForAnyHost(files: GuestFiles): Promise<boolean> {
  const paths = ['/etc/dracut.conf']
  for (const folder of ['/etc/dracut.conf.d', '/usr/lib/dracut/dracut.conf.d'])
    paths.push(...(await files.matching(folder, /\.conf$/)))
  return hasLine(files, paths, /^hostonly=["']?no\b|^(?:add_|force_)?drivers\+?=.*\bvirtio_blk\b/)
}

/** Returns true if a line of one of these files matches, and is not a comment. */
async function hasLine(files: GuestFiles, paths: readonly GuestPath[], pattern: RegExp): Promise<boolean> {
  for (const path of paths)
    if (linesOf((await files.text(path)) ?? '').some(({ text }) => pattern.test(text))) return true
  return false
}
