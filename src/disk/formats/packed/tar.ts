import type { Inspector } from '../../inspect/inspector.ts'
import { isTar } from '../../tar/tar-header.ts'
import { isOvf, OVA } from '../../tar/tar-names.ts'

/* src/disk/tar/tar.ts reads these archives whole. */

const [BLOCK, NAME] = [512, 100]

/** A tar archive, which the agents unpack; an OVA is one too, and they can make nothing of it. */
export const tar: Inspector = {
  name: 'tar',
  kind: 'packed',
  title: 'a tar archive',
  async inspect(source) {
    const header = await source.read(0, BLOCK)
    if (!isTar(header)) return undefined
    const name = header.toString('latin1', 0, NAME).replace(/\0.*$/s, '')
    return isOvf(name) ? { at: 0, title: 'an OVA', refusals: [OVA] } : { at: 0 }
  },
}
