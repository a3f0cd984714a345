import type { Inspector } from '../inspector.ts'
import { isTarHeader } from '../tar.ts'
import { shownName } from './shared.ts'

/*
 * POSIX.1-2017, pax, "ustar Interchange Format": https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
 * OVA: DMTF's Open Virtualization Format, DSP0243, "Distribution as a single file":
 * https://www.dmtf.org/standards/ovf
 */

const BLOCK = 512
const MAGIC = 'ustar'
const MAGIC_AT = 257
const NAME_LENGTH = 100

/** A tar archive, which the agents unpack; an OVA is one too, and they can make nothing of it. */
export const tar: Inspector = {
  name: 'tar',
  kind: 'packed',
  title: 'a tar archive',
  async inspect(source) {
    const header = await source.read(0, BLOCK)
    const hasMagic = header.toString('latin1', MAGIC_AT, MAGIC_AT + MAGIC.length) === MAGIC
    if (!hasMagic && !isTarHeader(header)) return undefined
    const at = hasMagic ? MAGIC_AT : 0
    if (!/\.ovf$/i.test(shownName(header.subarray(0, NAME_LENGTH)))) return { at }
    const why = 'is an OVA, a whole virtual machine, which the agents can not unpack'
    const hint = 'Unpack it, convert the disk inside and register that: tar -xf, qemu-img convert -O qcow2'
    return { at, title: 'an OVA', refusals: [{ why, hint }] }
  },
}
