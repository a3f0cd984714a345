import { dataSources, hasCloudInit } from '../../parsers/cloud-init.ts'
import { codeOf, type StartScript, startScripts } from '../../parsers/start-scripts.ts'
import type { PrepareOptions } from '../../prepare/edit.ts'
import { CLOUD_INIT_DISABLED, enablingCloudInit } from '../../scripts/cloud-init.ts'
import { installing } from '../../scripts/install.ts'
import { METADATA_SCRIPT } from '../../scripts/services.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import type { Finding, GuestCheck } from '../check.ts'

/** What a script that gets metadata must contain: the address of the metadata server, or the name of Wakame-vdc's own script. */
const METADATA = /169\.254\.169\.254|\bwakame-init\b/
/** Programs with which our script sends requests. */
const CLIENTS = ['curl', 'wget', 'busybox', 'bash']

export const metadata: GuestCheck = {
  id: 'init.metadata',
  severity: 'error',
  requirement: 'A script or cloud-init gets the metadata at boot, and sets the host name and SSH keys.',
  looksAt:
    'cloud-init and its data sources, `/etc/rc.local`, init scripts, enabled services, the scripts that they call, and the HTTP client of our script',
  remedy:
    'Install the script that vdc-manage guest script prints, or set datasource_list: [ Ec2, None ] in a file in /etc/cloud/cloud.cfg.d.',
  prepares: 'Makes cloud-init use the Ec2 source if it is installed; otherwise, installs our script. `--init` chooses.',

  async *run({ files }) {
    const scripts = await metadataScripts(files)
    if (scripts.length > 0) {
      if (scripts.every(({ path }) => path === METADATA_SCRIPT.path) && !(await hasClient(files))) yield NO_CLIENT
      return
    }
    const finding = (await hasCloudInit(files)) ? await faultOfCloudInit(files) : await withoutCloudInit(files)
    if (finding !== undefined) yield finding
  },

  async *prepare(guest, { init }) {
    const { files } = guest
    if (init === 'none') return
    // Whoever asks for our script gets it, also beside others.
    if (init === 'script') {
      yield* installing(guest, METADATA_SCRIPT)
      return
    }
    if (init === 'auto' && (await hasScript(files))) return
    if (await hasCloudInit(files)) {
      if ((await faultOfCloudInit(files)) !== undefined) yield* enablingCloudInit(files)
    } else if (init === 'auto') {
      const idle = await idleScript(files)
      if (idle === undefined) yield* installing(guest, METADATA_SCRIPT)
      else
        yield { action: 'write', path: idle.real, text: idle.text, mode: idle.mode | 0o111, what: 'the right to run' }
    }
  },
}

/** Returns true if cloud-init is installed and gets the metadata, so that it runs at boot. */
export async function runsCloudInit(files: GuestFiles): Promise<boolean> {
  return (await hasCloudInit(files)) && (await faultOfCloudInit(files)) === undefined
}

/** Returns true if cloud-init will run at boot after `prepare` with an option `init`. */
export async function willRunCloudInit(files: GuestFiles, init: PrepareOptions['init']): Promise<boolean> {
  const isEnabled = init === 'cloud-init' || (init === 'auto' && !(await hasScript(files)))
  return isEnabled ? hasCloudInit(files) : runsCloudInit(files)
}

async function hasScript(files: GuestFiles): Promise<boolean> {
  return (await metadataScripts(files)).length > 0
}

async function metadataScripts(files: GuestFiles): Promise<StartScript[]> {
  return (await startScripts(files)).filter((script) => METADATA.test(codeOf(script)))
}

const NO_CLIENT: Finding = {
  message: 'nothing can send requests for the metadata script',
  path: METADATA_SCRIPT.path,
  remedy: 'Install curl, wget, BusyBox or bash.',
}

async function hasClient(files: GuestFiles): Promise<boolean> {
  for (const folder of ['/usr/local/bin', '/usr/bin', '/bin'])
    for (const client of CLIENTS) if (await files.isFile(`${folder}/${client}`)) return true
  return false
}

/** Returns why cloud-init does not get the metadata; undefined if it does. */
async function faultOfCloudInit(files: GuestFiles): Promise<Finding | undefined> {
  if (await files.exists(CLOUD_INIT_DISABLED)) return { message: 'cloud-init is disabled', path: CLOUD_INIT_DISABLED }
  const { list, isForced } = await dataSources(files)
  const evidence = list && { path: list.path, line: list.line, value: `datasource_list: ${list.names.join(', ')}` }
  if (list !== undefined && !list.names.includes('Ec2'))
    return { message: 'cloud-init does not use the Ec2 data source', ...evidence }
  if (isForced) return undefined
  return { message: 'cloud-init uses the Ec2 data source only on hosts that claim to be Amazon EC2', ...evidence }
}

async function withoutCloudInit(files: GuestFiles): Promise<Finding> {
  const path = (await idleScript(files))?.path
  if (path === undefined) return { message: 'nothing gets the metadata' }
  return { message: 'the script that gets metadata is not executable', path, remedy: `Run chmod +x ${path}.` }
}

/** Returns the script that gets the metadata but does not run; undefined if there is none. `real` has no links. */
async function idleScript(files: GuestFiles) {
  for (const path of ['/etc/rc.local', '/etc/rc.d/rc.local']) {
    const found = await files.find(path)
    if (found?.stat.kind !== 'file') continue
    const text = (await files.text(path)) ?? ''
    const { mode } = found.stat
    if (METADATA.test(codeOf({ text })) && (mode & 0o111) === 0) return { path, real: found.path, text, mode }
  }
  return undefined
}
