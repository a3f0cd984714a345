import type { Guest } from '../../guest.ts'
import { entriesOf, sectionsIn } from '../../parsers/sections.ts'
import { codeOf, type StartScript, startScripts } from '../../parsers/start-scripts.ts'
import { findUnit, isForFirstBoot } from '../../parsers/systemd.ts'
import { installing } from '../../scripts/install.ts'
import { HOST_KEYS_SCRIPT } from '../../scripts/services.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import type { GuestPath } from '../../tree/guest-path.ts'
import type { Finding, GuestCheck } from '../check.ts'
import { MACHINE_ID } from '../id/machine-id.ts'
import { runsCloudInit, willRunCloudInit } from '../init/metadata.ts'
import { sshServer } from './installed.ts'

/** Units of distributions that make host keys before sshd starts. */
const MAKERS = ['sshd-keygen.service', 'sshd-keygen.target', 'sshd-keygen@.service', 'sshdgenkeys.service']

export const hostKeys: GuestCheck = {
  id: 'ssh.hostkeys',
  severity: 'error',
  requirement: 'There are no SSH host keys, and each instance makes its own before sshd starts.',
  looksAt: '`/etc/ssh/ssh_host_*`, `/etc/dropbear`, units and scripts that run ssh-keygen, cloud-init',
  remedy: 'Delete the keys, and have a unit make new ones before sshd starts.',
  prepares: 'Deletes the keys, and installs a script that makes new ones, if nothing else does.',

  async *run(guest) {
    const keys = await keysOf(guest.files)
    for (const path of keys) yield { message: 'SSH host keys are left', path }
    if (keys.length > 0) return
    const finding = await faultOfMaker(guest, runsCloudInit, ['uninitialized', undefined])
    if (finding !== undefined) yield finding
  },

  async *prepare(guest, { init }) {
    const { files } = guest
    for (const key of await keysOf(files))
      for (const path of [key, `${key}.pub`, `${key}-cert.pub`]) {
        const found = await files.findLink(path)
        if (found !== undefined) yield { action: 'remove', path: found.path }
      }
    // Even if nothing gets the metadata, because without keys nobody could log in.
    const fault = await faultOfMaker(guest, (each) => willRunCloudInit(each, init), ['uninitialized'])
    if (fault !== undefined) yield* installing(guest, HOST_KEYS_SCRIPT)
  },
}

/** Tells whether cloud-init runs at boot. */
type CloudInitRuns = (files: GuestFiles) => Promise<boolean>

/**
 * Returns what is wrong with what makes host keys; undefined if nothing is, or there is no SSH server.
 *
 * @param firstBootIds contents of the machine ID with which systemd takes the next boot for the first one; undefined is
 *   a missing file. An empty file, which guests should have, is none of these (machine-id(5)).
 */
async function faultOfMaker(
  { files, system }: Guest,
  cloudInitRuns: CloudInitRuns,
  firstBootIds: readonly (string | undefined)[],
): Promise<Finding | undefined> {
  if ((await sshServer(files)) === undefined) return undefined
  const isFirstBoot = firstBootIds.includes((await files.text(MACHINE_ID))?.trim())
  const maker = await makerOf(files, cloudInitRuns, isFirstBoot)
  if (maker === 'none') return { message: 'nothing makes host keys at the first boot, so sshd will not start' }
  if (maker === 'late' && system.init === 'systemd')
    return { result: 'warning', message: 'host keys are made at boot, but sshd may start before' }
  return undefined
}

async function keysOf(files: GuestFiles): Promise<GuestPath[]> {
  const found = [
    ...(await files.matching('/etc/ssh', /^ssh_host_.*key$|^ssh_host_key$/)),
    ...(await files.matching('/etc/dropbear', /^dropbear_.*key$/)),
  ]
  const keys: GuestPath[] = []
  for (const path of found) if ((await files.findLink(path))?.stat.size !== 0) keys.push(path)
  return keys
}

/** Finds out whether something makes host keys: before sshd, only in rc.local, or not at all. */
async function makerOf(
  files: GuestFiles,
  cloudInitRuns: CloudInitRuns,
  isFirstBoot: boolean,
): Promise<'early' | 'late' | 'none'> {
  // Debian's unit, since Debian 13, is for the first boot only.
  const isRun = (unit: string) => isFirstBoot || !isForFirstBoot(unit)
  for (const name of MAKERS) {
    const unit = await findUnit(files, name)
    if (unit !== undefined && isRun((await files.text(unit)) ?? '')) return 'early'
  }
  // The init scripts of CentOS and Alpine make them; dropbear makes them itself with -R.
  const allScripts = (await startScripts(files)).filter(({ path, text }) => !path.endsWith('.service') || isRun(text))
  const scripts = allScripts.filter((script) => codeOf(script).split('\n').some(makesKeys))
  if (scripts.some((script) => isEarly(script, allScripts))) return 'early'
  // Where it finds no data source, it stays off, and makes no keys.
  if (await cloudInitRuns(files)) return 'early'
  return scripts.length === 0 ? 'none' : 'late'
}

/** Returns true for init scripts, for units that are ordered before sshd, and for what these call. */
function isEarly({ from }: StartScript, scripts: readonly StartScript[]): boolean {
  if (/\/rc\.local$/.test(from)) return false
  if (!/\.service$/.test(from) || /\/(?:sshd?|dropbear)\.service$/.test(from)) return true
  const unit = scripts.find(({ path }) => path === from)?.text ?? ''
  return entriesOf(sectionsIn(unit), 'unit', 'before').some(({ value }) => /\bsshd?\.(?:service|socket)\b/.test(value))
}

/** Returns true for a line that makes host keys. Two searches take less time than one with a gap. */
function makesKeys(line: string): boolean {
  if (/\bssh-keygen\b|\bdropbearkey\b/.test(line)) return true
  if (/\bdropbear\b/.test(line)) return / -\w*R/.test(line)
  return line.includes('dpkg-reconfigure') && line.includes('openssh-server')
}
