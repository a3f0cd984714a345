import { driverOf, kernelReleases } from '../../parsers/kernels.ts'
import { linesOf } from '../../parsers/lines.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import { Undecided } from '../../tree/undecided.ts'
import type { GuestCheck } from '../check.ts'

export const acpiphp: GuestCheck = {
  id: 'mod.acpiphp',
  severity: 'warning',
  requirement: 'The kernel can attach volumes while it runs: acpiphp is built in or loaded at boot.',
  looksAt:
    '`/boot/config-*`, `modules.builtin` and `modules.dep` in `/lib/modules`, `/etc/modules`, `/etc/modules-load.d`, `/etc/rc.modules`, `/etc/sysconfig/modules`',
  remedy:
    'Load acpiphp at boot: name it in /etc/modules or a file in /etc/modules-load.d, or load it in /etc/rc.modules.',

  async *run({ files }) {
    const releases = await kernelReleases(files)
    if (releases.length === 0) throw new Undecided('there is no folder of kernel modules in /lib/modules')
    const isLoaded = await isLoadedAtBoot(files)
    for (const release of releases) {
      const driver = await driverOf(files, release, 'CONFIG_HOTPLUG_PCI_ACPI', 'acpiphp')
      const path = release.modules
      if (driver === 'module' && !isLoaded)
        yield { message: `kernel ${release.name} does not load acpiphp at boot`, path }
      // Kernels of today list nothing in modules.builtin for it; only their configuration tells.
      const isUntold = driver === undefined && !(await files.exists(`/boot/config-${release.release}`))
      if (driver === 'unknown' || isUntold)
        yield { result: 'unknown', message: `nothing tells whether kernel ${release.name} has acpiphp`, path }
      else if (driver === undefined) yield { message: `kernel ${release.name} has no acpiphp`, path }
    }
  },
}

async function isLoadedAtBoot(files: GuestFiles): Promise<boolean> {
  const lists = ['/etc/modules', '/etc/rc.modules', '/etc/rc.local', '/etc/rc.d/rc.local']
  for (const folder of ['/etc/modules-load.d', '/usr/lib/modules-load.d', '/etc/sysconfig/modules'])
    lists.push(...(await files.matching(folder, /\.(?:conf|modules)$/)))
  for (const path of lists)
    if (linesOf((await files.text(path)) ?? '').some(({ text }) => /(?:^|\s)acpiphp\b/.test(text))) return true
  return false
}
