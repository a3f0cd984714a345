import type { Inspector } from '../../inspect/inspector.ts'
import { isTar } from '../../tar/tar-header.ts'
import { isOvf, OVA } from '../../tar/tar-names.ts'

/** Bytes of a header, and of the name at its start. */
const BLOCK = 512
const NAME = 100

/** Recognises a tar archive, which the agents can unpack, or an OVA, which they cannot use. src/disk/tar/tar.ts reads it. */
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
