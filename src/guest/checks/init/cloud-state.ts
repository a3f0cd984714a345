import { hasCloudInit } from '../../parsers/cloud-init.ts'
import type { GuestCheck } from '../check.ts'

const STATE = '/var/lib/cloud'

export const cloudState: GuestCheck = {
  id: 'init.cloud-state',
  severity: 'warning',
  requirement: 'cloud-init has no state of an earlier instance.',
  looksAt: `\`${STATE}\``,
  remedy: 'Run cloud-init clean, or delete /var/lib/cloud/instance and /var/lib/cloud/instances.',

  async notApplicable({ files }) {
    return (await hasCloudInit(files)) || (await files.exists(STATE)) ? undefined : 'cloud-init is not installed'
  },

  async *run({ files }) {
    const link = await files.findLink(`${STATE}/instance`)
    if (link !== undefined) yield { message: 'state of an earlier instance', path: link.path }
    for (const name of await files.names(`${STATE}/instances`))
      yield { message: 'state of an earlier instance', path: `${STATE}/instances/${name}` }
  },
}
