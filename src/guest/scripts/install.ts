import type { Guest } from '../guest.ts'
import type { Edit } from '../prepare/edit.ts'
import type { GuestFiles } from '../tree/guest-files.ts'
import { linking, writing } from './place.ts'
import { type BootScript, isExecutableService, type ServiceStyle, servicePath } from './services.ts'
import { sysvinitEdits } from './sysvinit.ts'

/**
 * Yields the edits that install a script and start it at boot, and none if it is installed. An older text
 * of it is replaced. Yields nothing for a guest whose first process is not supported, such as the init of
 * BusyBox, which runs no scripts in a way that is common to its users.
 *
 * @throws Unreadable if its place in the guest is unknown.
 */
export async function* installing({ files, system }: Guest, script: BootScript): AsyncGenerator<Edit> {
  const style = await styleOf(files, system.init)
  if (style === undefined) return
  const { name, what } = script
  yield* writing(files, script.path, script.text, 0o755, what)
  if (style === 'sysvinit') {
    yield* sysvinitEdits(files, script)
    return
  }
  const service = servicePath(script, style)
  yield* writing(files, service, script.services[style], isExecutableService(style) ? 0o755 : 0o644, what)
  if (style === 'systemd') yield* linking(files, wantedBy(name), service, what)
  if (style === 'openrc') yield* linking(files, `/etc/runlevels/default/${name}`, service, what)
}

function wantedBy(name: string): string {
  return `/etc/systemd/system/multi-user.target.wants/${name}.service`
}

/** CentOS 6 has upstart, but starts its services with init scripts. */
async function styleOf(files: GuestFiles, init: Guest['system']['init']): Promise<ServiceStyle | undefined> {
  if (init === null || init === 'busybox') return undefined
  return init === 'upstart' && (await files.exists('/etc/rc.d/init.d')) ? 'sysvinit' : init
}
