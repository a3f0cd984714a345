import { hasCloudInit } from '../../parsers/cloud-init.ts'
import { type GuestFiles, join } from '../../tree/guest-files.ts'
import type { GuestPath } from '../../tree/guest-path.ts'
import type { GuestCheck } from '../check.ts'

const STATE = '/var/lib/cloud'
/** What our own script keeps: the ID of the instance, and its user-data. */
const OURS = '/var/lib/vdc-metadata'
/** What cloud-init makes at each first boot. The scripts, handlers and seed beside it may be the image maker's. */
const MADE = ['instance', 'instances', 'data', 'sem']

export const cloudState: GuestCheck = {
  id: 'init.cloud-state',
  severity: 'warning',
  requirement: 'There is no state of an earlier instance.',
  looksAt: `\`${STATE}\`, \`${OURS}\``,
  remedy: `Run cloud-init clean, or delete ${STATE}/instance and ${STATE}/instances; delete ${OURS}.`,
  prepares: `Deletes \`instance\`, \`instances\`, \`data\` and \`sem\` in \`${STATE}\`; scripts, handlers and the seed stay. Deletes \`${OURS}\`.`,

  async notApplicable({ files }) {
    if ((await hasCloudInit(files)) || (await files.exists(STATE)) || (await files.exists(OURS))) return undefined
    return 'cloud-init is not installed'
  },

  async *run({ files }) {
    for (const path of [...(await statesIn(files)), ...(await ours(files))])
      yield { message: 'state of an earlier instance', path }
  },

  async *prepare({ files }) {
    for (const path of await ours(files)) yield { action: 'remove', path }
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

async function ours(files: GuestFiles): Promise<GuestPath[]> {
  const found = await files.findLink(OURS)
  return found === undefined ? [] : [found.path]
}
