import type { Inspector } from '../inspector.ts'
import { isOvf, isTar, OVA } from '../tar.ts'

/* The formats are those of src/disk/tar.ts, which reads them whole. */

const BLOCK = 512

/** A tar archive, which the agents unpack; an OVA is one too, and they can make nothing of it. */
export const tar: Inspector = {
  name: 'tar',
  kind: 'packed',
  title: 'a tar archive',
  async inspect(source) {
    const header = await source.read(0, BLOCK)
    if (!isTar(header)) return undefined
    return isOvf(header) ? { at: 0, title: 'an OVA', refusals: [OVA] } : { at: 0 }
  },
}
