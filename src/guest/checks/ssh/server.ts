import type { Guest } from '../../guest.ts'
import { codeOf, startScripts } from '../../parsers/start-scripts.ts'
import { unitState } from '../../parsers/systemd.ts'
import { startedScripts } from '../../parsers/sysv.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import type { GuestCheck } from '../check.ts'
import { sshServer } from './installed.ts'

const UNITS = ['ssh.service', 'sshd.service', 'ssh.socket', 'sshd.socket', 'dropbear.service']
const SCRIPTS = ['ssh', 'sshd', 'dropbear']
/** On Debian, its presence keeps sshd from starting. */
const STOP_FILE = '/etc/ssh/sshd_not_to_be_run'

export const server: GuestCheck = {
  id: 'ssh.server',
  severity: 'warning',
  requirement: 'An SSH server is installed and starts at boot.',
  looksAt: '`/usr/sbin/sshd`, `/usr/sbin/dropbear`, units, run levels, `/etc/init`, `/etc/inittab`',
  remedy: 'Install an SSH server and enable it, for example with systemctl enable ssh.',

  async *run({ files, system }) {
    const program = await sshServer(files)
    if (program === undefined) yield { message: 'no SSH server' }
    else if (await files.exists(STOP_FILE)) yield { message: 'sshd does not start', path: STOP_FILE }
    else if (!(await isStarted(files, system.init)))
      yield { message: 'the SSH server does not start at boot', path: program }
  },
}

async function isStarted(files: GuestFiles, init: Guest['system']['init']): Promise<boolean> {
  const states: string[] = []
  for (const unit of UNITS) states.push(await unitState(files, unit))
  if (states.includes('enabled')) return true
  // A unit hides an init script of its name, and so does its mask.
  if (init === 'systemd' && states.some((state) => state !== 'missing')) return false
  const scripts = await startedScripts(files)
  if (SCRIPTS.some((name) => scripts.has(name))) return true
  for (const name of SCRIPTS)
    if (
      (await files.isFile(`/etc/init/${name}.conf`)) &&
      !/^manual$/m.test((await files.text(`/etc/init/${name}.override`)) ?? '')
    )
      return true
  if (/\b(?:sshd|dropbear)\b/.test((await files.text('/etc/inittab')) ?? '')) return true
  return (await startScripts(files)).some((script) => /\b(?:sshd|dropbear)\b/.test(codeOf(script)))
}
