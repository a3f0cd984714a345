import { driverOf, kernelReleases } from '../../parsers/kernels.ts'
import { linesOf, withLine } from '../../parsers/lines.ts'
import type { Edit } from '../../prepare/edit.ts'
import type { GuestSystem } from '../../system.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import { Undecided } from '../../tree/undecided.ts'
import type { GuestCheck } from '../check.ts'

const MODULE = 'acpiphp'
const OPTION = 'CONFIG_HOTPLUG_PCI_ACPI'
const MODULES = '/etc/modules'
const RC_MODULES = '/etc/rc.modules'
const DEBIANS = ['debian', 'ubuntu']
/** Without systemd, their rc.sysinit runs these scripts. */
const RED_HATS = ['centos', 'rhel', 'fedora']
const EXECUTABLE = 0o755

export const acpiphp: GuestCheck = {
  id: 'mod.acpiphp',
  severity: 'warning',
  requirement: 'The kernel can attach volumes while it runs: acpiphp is built in or loaded at boot.',
  looksAt:
    '`/boot/config-*`, `modules.builtin` and `modules.dep` in `/lib/modules`, `/etc/modules`, `/etc/modules-load.d`, `/etc/rc.modules`, `/etc/sysconfig/modules`',
  remedy:
    'Load acpiphp at boot: name it in /etc/modules or a file in /etc/modules-load.d, or load it in /etc/rc.modules.',
  prepares:
    'Names acpiphp in `/etc/modules-load.d` (systemd) or `/etc/modules` (Debian, Alpine), or makes a script that loads it (CentOS 5 and 6).',

  async *run({ files }) {
    const releases = await kernelReleases(files)
    if (releases.length === 0) throw new Undecided('there is no folder of kernel modules in /lib/modules')
    const isLoaded = await isLoadedAtBoot(files)
    for (const release of releases) {
      const driver = await driverOf(files, release, OPTION, MODULE)
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

  async *prepare({ files, system }) {
    if (await isLoadedAtBoot(files)) return
    for (const release of await kernelReleases(files))
      if ((await driverOf(files, release, OPTION, MODULE)) === 'module') {
        yield await loadingEdit(files, system)
        return
      }
  },
}

/** @throws Undecided if nothing is known that loads modules at boot. */
async function loadingEdit(files: GuestFiles, { init, distribution }: GuestSystem): Promise<Edit> {
  const what = `load ${MODULE}`
  if (init === 'systemd') {
    const path = await files.placeFor(`/etc/modules-load.d/${MODULE}.conf`)
    return { action: 'write', path, text: `${MODULE}\n`, what }
  }
  const list = await files.text(MODULES)
  if (list !== undefined || DEBIANS.includes(distribution ?? ''))
    return { action: 'write', path: await files.fileFor(MODULES), text: withLine(list ?? '', MODULE), what }
  if (!RED_HATS.includes(distribution ?? '')) throw new Undecided('nothing is known that loads kernel modules at boot')
  // Another script may end early, or not be meant to run.
  const script = (await files.exists(RC_MODULES)) ? `/etc/sysconfig/modules/${MODULE}.modules` : RC_MODULES
  const text = `#!/bin/sh\n/sbin/modprobe ${MODULE}\n`
  return { action: 'write', path: await files.placeFor(script), text, mode: EXECUTABLE, what }
}

async function isLoadedAtBoot(files: GuestFiles): Promise<boolean> {
  const lists = [MODULES]
  for (const folder of ['/etc/modules-load.d', '/usr/lib/modules-load.d'])
    lists.push(...(await files.matching(folder, /\.conf$/)))
  const scripts = [RC_MODULES, '/etc/rc.local', '/etc/rc.d/rc.local']
  scripts.push(...(await files.matching('/etc/sysconfig/modules', /\.modules$/)))
  for (const path of scripts) if (((await files.find(path))?.stat.mode ?? 0) & 0o111) lists.push(path)
  for (const path of lists)
    if (linesOf((await files.text(path)) ?? '').some(({ text }) => /(?:^|\s)acpiphp\b/.test(text))) return true
  return false
}
