import { hasCloudInit } from '../../parsers/cloud-init.ts'
import { type GuestFiles, join } from '../../tree/guest-files.ts'
import type { GuestPath } from '../../tree/guest-path.ts'
import type { GuestCheck } from '../check.ts'

const STATE = '/var/lib/cloud'
/** What cloud-init makes at each first boot. The scripts, handlers and seed beside it may be the image maker's. */
const MADE = ['instance', 'instances', 'data', 'sem']

export const cloudState: GuestCheck = {
  id: 'init.cloud-state',
  severity: 'warning',
  requirement: 'cloud-init has no state of an earlier instance.',
  looksAt: `\`${STATE}\``,
  remedy: 'Run cloud-init clean, or delete /var/lib/cloud/instance and /var/lib/cloud/instances.',
  prepares: 'Deletes `instance`, `instances`, `data` and `sem`. Scripts, handlers and the seed stay.',

  async notApplicable({ files }) {
    return (await hasCloudInit(files)) || (await files.exists(STATE)) ? undefined : 'cloud-init is not installed'
  },

  async *run({ files }) {
    for (const path of await statesIn(files)) yield { message: 'state of an earlier instance', path }
  },

  async *prepare({ files }) {
    if ((await statesIn(files)).length === 0) return
    for (const name of MADE) {
      const found = await files.findLink(join(STATE, name))
      if (found !== undefined) yield { action: 'remove', path: found.path }
    }
  },
}

async function statesIn(files: GuestFiles): Promise<GuestPath[]> {
  const current = await files.findLink(join(STATE, 'instance'))
  const states = await files.matching(join(STATE, 'instances'), /./s)
  return current === undefined ? states : [current.path, ...states]
}
