import type { Inspector } from '../../../inspect/inspector.ts'
import { hasBytes } from '../../shared.ts'

/*
 * The sparse extents of VMware's ESX (COWD): VMware's "Virtual Disk Format 5.0", "ESX
 * Server Sparse Extents": https://www.vmware.com/app/vmdk/?src=vmdk
 * The extents of later versions (seSparse) have no specification:
 * https://gitlab.com/qemu-project/qemu/-/blob/master/block/vmdk.c (VMDKSESparseConstHeader)
 */

const MAGICS = ['COWD', '\xbe\xba\xfe\xca\0\0\0\0']

/** Recognises an extent of a VMDK image, which QEMU would open as an image. */
export const vmdkCowd: Inspector = {
  name: 'vmdk',
  kind: 'image',
  title: 'a VMDK extent of ESX',
  async inspect(source) {
    for (const magic of MAGICS) {
      if (!(await hasBytes(source, 0, magic))) continue
      return { references: ['a VMDK descriptor in another file (it is one extent of an image)'] }
    }
    return undefined
  },
}
