import { linesOf, wordsOf } from '../parsers/lines.ts'
import type { Edit } from '../prepare/edit.ts'
import { type GuestFiles, join } from '../tree/guest-files.ts'
import type { GuestPath } from '../tree/guest-path.ts'
import { linking, writing } from './place.ts'
import { type BootScript, HOST_KEYS_SCRIPT } from './services.ts'

/** Run levels in which a system is up. */
const LEVELS = [2, 3, 4, 5]
const SSH_SERVERS = ['ssh', 'sshd', 'dropbear']
/** The order of a script that runs last, and of host keys if no SSH server has an order. */
const LAST = 99
const EARLY = 12

/** Yields the edits that start a script with sysvinit: its init script, a link per run level, and its place in the order. */
export async function* sysvinitEdits(files: GuestFiles, script: BootScript): AsyncGenerator<Edit> {
  const { name, what } = script
  const base = await baseOf(files)
  yield* writing(files, `${base}/init.d/${name}`, script.services.sysvinit, 0o755, what)
  for (const level of LEVELS) {
    const folder = `${base}/rc${level}.d`
    const names = await files.names(folder)
    // insserv(8) may have given it another order.
    const link = names.find((each) => /^S\d\d/.test(each) && each.slice(3) === name)
    yield* linking(files, join(folder, link ?? `S${orderOf(script, names)}${name}`), `../init.d/${name}`, what)
  }
  yield* startparEdits(files, script)
}

/** Returns the folder of init.d and the run levels: on CentOS, those in /etc are links. */
async function baseOf(files: GuestFiles): Promise<GuestPath> {
  return (await files.exists('/etc/rc.d/rc3.d')) ? '/etc/rc.d' : '/etc'
}

function orderOf(script: BootScript, names: readonly string[]): string {
  const servers = names.filter((name) => /^S\d\d/.test(name) && SSH_SERVERS.includes(name.slice(3)))
  const first = Math.min(...servers.map((name) => Number(name.slice(1, 3))))
  const early = Number.isFinite(first) ? Math.max(0, first - 1) : EARLY
  return String(script === HOST_KEYS_SCRIPT ? early : LAST).padStart(2, '0')
}

/**
 * Yields the edit of the dependencies from which startpar(8), on Debian from 6, starts scripts in parallel.
 * It does not start scripts that are not in this file. insserv(8) makes the same of the header of the script.
 */
async function* startparEdits(files: GuestFiles, script: BootScript): AsyncGenerator<Edit> {
  const path = '/etc/init.d/.depend.start'
  const text = await files.text(path)
  const found = await files.find(path)
  if (text === undefined || found === undefined) return
  const targets = linesOf(text).find((line) => /^TARGETS\s*=/.test(line.text))
  if (targets === undefined) return
  const names = wordsOf(targets.text.slice(targets.text.indexOf('=') + 1))
  if (names.includes(script.name)) return
  const lines = text.replace(/\n$/, '').split('\n')
  lines[targets.number - 1] = `${targets.text} ${script.name}`
  // Rules of one target in several lines count together.
  if (script !== HOST_KEYS_SCRIPT) lines.push(`${script.name}: ${names.join(' ')}`)
  else for (const name of names) if (SSH_SERVERS.includes(name)) lines.push(`${name}: ${script.name}`)
  const { mode } = found.stat
  yield* writing(files, found.path, `${lines.join('\n')}\n`, mode, `the order of ${script.what}`)
}
