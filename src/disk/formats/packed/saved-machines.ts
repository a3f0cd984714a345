import type { Inspector } from '../../inspect/inspector.ts'

/*
 * Saved states and crash dumps of machines, recognised by their first bytes:
 * QEMU: https://www.qemu.org/docs/master/devel/migration/main.html
 * libvirt: https://gitlab.com/libvirt/libvirt/-/blob/master/src/qemu/qemu_saveimage.h
 * VMware: https://github.com/volatilityfoundation/volatility3/blob/develop/volatility3/framework/layers/vmware.py
 * VirtualBox: https://www.virtualbox.org/browser/vbox/trunk/src/VBox/VMM/VMMR3/SSM.cpp
 * Hyper-V: https://github.com/fox-it/dissect.hypervisor/blob/main/dissect/hypervisor/descriptor/c_hyperv.py
 * Xen: https://xenbits.xen.org/docs/unstable/specs/libxl-migration-stream.html
 * kdump: https://github.com/makedumpfile/makedumpfile/blob/master/IMPLEMENTATION
 */

interface SavedMachine {
  name: string
  title: string
  /** The possible first bytes, as Latin-1. */
  starts: string[]
}

const SAVED: readonly SavedMachine[] = [
  { name: 'qemu-state', title: 'a saved QEMU machine', starts: ['QEVM\0\0\0\x02', 'QEVM\0\0\0\x03'] },
  { name: 'libvirt-state', title: 'a saved libvirt machine', starts: ['LibvirtQemudSave', 'LibvirtQemudPart'] },
  {
    name: 'vmware-state',
    title: 'a suspended VMware machine',
    starts: ['\xd0\xbe\xd2\xbe', '\xd1\xba\xd1\xba', '\xd2\xbe\xd2\xbe', '\xd3\xbe\xd2\xbe', '\xd3\xbe\xd3\xbe'],
  },
  { name: 'virtualbox-state', title: 'a saved VirtualBox machine', starts: ['\x7fVirtualBox SavedState V'] },
  { name: 'hyperv-state', title: 'a saved Hyper-V machine', starts: ['\x14\x20\x28\x01'] },
  { name: 'xen-state', title: 'a saved Xen machine', starts: ['Xen saved domain', 'LinuxGuestRecord', 'LibxlFmt'] },
  {
    name: 'kdump',
    title: 'a kernel crash dump',
    starts: ['KDUMP   ', 'DISKDUMP', 'PAGEDUMP', 'PAGEDU64'],
  },
]

/** Recognise files with the memory of a machine, whose disk is another file. */
export const savedMachines: readonly Inspector[] = SAVED.map(({ name, title, starts }) => ({
  name,
  kind: 'packed',
  title,
  async inspect(source) {
    const head = (await source.read(0, 32)).toString('latin1')
    if (!starts.some((start) => head.startsWith(start))) return undefined
    const refusal = { why: `is ${title}, not a disk image`, hint: 'Register the disk image that the machine ran from' }
    return { at: 0, refusals: [refusal] }
  },
}))
