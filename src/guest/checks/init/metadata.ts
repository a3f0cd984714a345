import { dataSources, hasCloudInit } from '../../parsers/cloud-init.ts'
import { codeOf, startScripts } from '../../parsers/start-scripts.ts'
import type { GuestFiles } from '../../tree/guest-files.ts'
import type { Finding, GuestCheck } from '../check.ts'

/** What a script that gets metadata must contain: the address of the metadata server, or the name of Wakame-vdc's own script. */
const METADATA = /169\.254\.169\.254|\bwakame-init\b/
const DISABLED = '/etc/cloud/cloud-init.disabled'

export const metadata: GuestCheck = {
  id: 'init.metadata',
  severity: 'error',
  requirement: 'A script or cloud-init gets the metadata at boot, and sets the host name and SSH keys.',
  looksAt:
    'cloud-init and its data sources, `/etc/rc.local`, init scripts, enabled services, and the scripts that they call',
  remedy: 'Install a metadata script, or set datasource_list: [ Ec2, None ] in a file in /etc/cloud/cloud.cfg.d.',

  async *run({ files }) {
    const scripts = await startScripts(files)
    if (scripts.some((script) => METADATA.test(codeOf(script)))) return
    if (!(await hasCloudInit(files))) {
      yield await withoutCloudInit(files)
      return
    }
    if (await files.exists(DISABLED)) {
      yield { message: 'cloud-init is disabled', path: DISABLED }
      return
    }
    const { list, isForced } = await dataSources(files)
    const evidence = list && { path: list.path, line: list.line, value: `datasource_list: ${list.names.join(', ')}` }
    if (list !== undefined && !list.names.includes('Ec2'))
      yield { message: 'cloud-init does not use the Ec2 data source', ...evidence }
    else if (!isForced) {
      const message = 'cloud-init uses the Ec2 data source only on hosts that claim to be Amazon EC2'
      yield { message, ...evidence }
    }
  },
}

/** Tells apart a script that is there but does not run. */
async function withoutCloudInit(files: GuestFiles): Promise<Finding> {
  for (const path of ['/etc/rc.local', '/etc/rc.d/rc.local']) {
    const found = await files.find(path)
    if (found?.stat.kind !== 'file') continue
    const text = (await files.text(path)) ?? ''
    const isRun = (found.stat.mode & 0o111) !== 0
    if (METADATA.test(codeOf({ text })) && !isRun)
      return { message: 'the script that gets metadata is not executable', path, remedy: `Run chmod +x ${path}.` }
  }
  return { message: 'nothing gets the metadata' }
}
