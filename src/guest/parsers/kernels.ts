import { type GuestFiles, join } from '../tree/guest-files.ts'
import { type GuestPath, shown } from '../tree/guest-path.ts'
import { fstabIn } from './fstab.ts'
import { linesOf } from './lines.ts'

/** A kernel release of a guest, such as 6.1.0-18-amd64, with its modules. */
export interface KernelRelease {
  release: string
  /** The release as text for people. */
  name: string
  /** Folder of its modules. */
  modules: GuestPath
  /** Its initramfs; undefined if there is none. */
  initramfs: GuestPath | undefined
}

const KERNEL = /^(?:vmlinu[xz]|bzImage|zImage|Image|kernel|linux)(?:[.-]|$)/i

/** Returns the kernel files of a guest: those in /boot, the links in the root, and those of boot loader entries. */
export async function kernelFiles(files: GuestFiles): Promise<GuestPath[]> {
  const paths = [...(await files.matching('/boot', KERNEL)), ...(await files.matching('/', /^vmlinuz/))]
  // kernel-install(8): /boot/MACHINE-ID/RELEASE/linux
  for (const machine of await files.matching('/boot', /^[0-9a-f]{32}$/))
    for (const release of await files.names(machine)) paths.push(join(join(machine, release), 'linux'))
  const found: GuestPath[] = []
  for (const path of paths) if (await files.isFile(path)) found.push(path)
  return found
}

/** Returns the kernel releases that have modules. */
export async function kernelReleases(files: GuestFiles): Promise<KernelRelease[]> {
  const releases: KernelRelease[] = []
  for (const folder of ['/lib/modules', '/usr/lib/modules']) {
    for (const modules of await files.matching(folder, /^\d/)) {
      const found = await files.find(modules)
      const release = modules.replace(/^.*\//, '')
      if (found?.stat.kind !== 'folder' || releases.some((each) => each.release === release)) continue
      releases.push({
        release,
        name: shown(release),
        modules: found.path,
        initramfs: await initramfsOf(files, release),
      })
    }
  }
  return releases
}

async function initramfsOf(files: GuestFiles, release: string): Promise<GuestPath | undefined> {
  const stems = ['initrd', 'initramfs'].map((stem) => `${stem}-${release}`)
  // openSUSE has no ending.
  const names = [`initrd.img-${release}`, ...stems.flatMap((stem) => [`${stem}.img`, stem])]
  for (const name of names) if (await files.isFile(join('/boot', name))) return join('/boot', name)
  // Alpine names it by its flavour: initramfs-lts for 6.1.70-0-lts.
  const flavour = `/boot/initramfs-${release.replace(/^.*-/, '')}`
  return (await files.isFile(flavour)) ? flavour : undefined
}

/**
 * Returns how a kernel has a driver: built in, or as a module.
 *
 * @param option such as CONFIG_VIRTIO_BLK.
 * @param module such as virtio_blk.
 * @returns undefined if it has neither; 'unknown' if nothing tells.
 */
export async function driverOf(
  files: GuestFiles,
  { release, modules }: KernelRelease,
  option: string,
  module: string,
): Promise<'built in' | 'module' | 'unknown' | undefined> {
  const builtIn = await files.text(join(modules, 'modules.builtin'))
  const dependencies = await files.text(join(modules, 'modules.dep'))
  if (builtIn !== undefined && hasModule(builtIn, module)) return 'built in'
  if (dependencies !== undefined && hasModule(dependencies, module)) return 'module'
  const config = await files.text(`/boot/config-${release}`)
  const value = config === undefined ? undefined : optionIn(config, option)
  if (value === 'y') return 'built in'
  // The kernel was built with the module, but it may be in a package that is not installed.
  if (config !== undefined && (dependencies !== undefined || value === undefined)) return undefined
  return builtIn !== undefined && dependencies !== undefined ? undefined : 'unknown'
}

function optionIn(config: string, option: string): string | undefined {
  const line = linesOf(config).find(({ text }) => text.startsWith(`${option}=`))
  return line?.text.slice(option.length + 1)
}

/** Returns true if a list of modules names one, in either spelling, whatever compresses it. */
function hasModule(list: string, module: string): boolean {
  return new RegExp(`(?:^|/)${module.replaceAll('_', '[_-]')}\\.ko(?:\\.\\w+)?(?::|$)`, 'm').test(list)
}

/** Returns true if /boot is a filesystem of its own that the tree does not show: it is in /etc/fstab, and empty here. */
export async function isBootElsewhere(files: GuestFiles): Promise<boolean> {
  const hasEntry = fstabIn((await files.text('/etc/fstab')) ?? '').some(({ mountPoint }) => mountPoint === '/boot')
  return hasEntry && (await files.names('/boot')).filter((name) => name !== 'efi').length === 0
}
