import type { Inspector } from '../inspector.ts'
import { hasBytes } from './shared.ts'

/*
 * The sparse extents of VMware's ESX and of its first version: VMware's "Virtual
 * Disk Format 5.0", "ESX Server Sparse Extents": https://www.vmware.com/app/vmdk/?src=vmdk
 */

const MAGIC = 'COWD'

/** A piece of a VMDK image, which QEMU opens as one all the same. */
export const vmdkCowd: Inspector = {
  name: 'vmdk',
  kind: 'image',
  title: 'a VMDK extent of ESX',
  async inspect(source) {
    if (!(await hasBytes(source, 0, MAGIC))) return undefined
    return { references: ['a VMDK descriptor in another file, being one extent of an image'] }
  },
}
