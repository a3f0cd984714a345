import { CONTAINER_FORMATS, FILE_FORMATS, TARGET_FORMATS } from '../../../registry/rules/values.ts'
import type { Block } from '../blocks.ts'
import type { Item } from '../describe.ts'

const FILE_FORMAT_TEXTS: Readonly<Record<(typeof FILE_FORMATS)[number], string>> = {
  raw: 'A plain copy of the disk, such as .img and .iso files.',
  qcow2: 'QEMU copy-on-write, version 2 or 3.',
  vmdk: 'VMware, in a single file.',
  vdi: 'VirtualBox.',
  vpc: 'Virtual PC and Hyper-V (.vhd).',
  vhdx: 'Hyper-V.',
  parallels: 'Parallels (.hdd, .hds).',
  qed: 'QEMU enhanced disk.',
  qcow: 'QEMU copy-on-write, version 1.',
}
const CONTAINER_FORMAT_TEXTS: Readonly<Record<(typeof CONTAINER_FORMATS)[number], string>> = {
  none: 'Not packed.',
  raw: 'Not packed; a spelling of older records.',
  gz: 'Compressed with gzip.',
  tar: 'Packed in a tar archive.',
  tgz: 'Packed in a tar archive that is compressed with gzip.',
}

/** `vdc-manage help formats` */
export const FORMATS_TOPIC: readonly Block[] = [
  {
    text: 'You can register self-contained disk images, optionally compressed with gzip or packed in a tar archive. Check a file with: vdc-manage image inspect PATH',
  },
  { heading: 'DISK IMAGE FORMATS (--file-format)' },
  { list: FILE_FORMATS.map((format): Item => [format, FILE_FORMAT_TEXTS[format]]) },
  {
    text: 'Without --file-format, an image has the format found in its file. For a backup object, it is the format found when the object was added from a file, otherwise that of its first image, otherwise raw.',
  },
  { text: `Files can be converted (--convert, image convert --to) to ${TARGET_FORMATS.join(', ')}.` },
  { heading: 'CONTAINER FORMATS (--container-format)' },
  { list: CONTAINER_FORMATS.map((format): Item => [format, CONTAINER_FORMAT_TEXTS[format]]) },
  { heading: 'OTHER PACKED FILES' },
  {
    text: 'The hypervisor agents cannot unpack xz, zstd, bzip2, zip or OVA files, so they are registered as a copy (--convert, --prepare). image convert and image prepare take them too, and image inspect looks into them. A zip archive must hold one file; an OVA one disk, which must match the manifest if there is one. These files can hold a tar archive of one disk, or an OVA.',
  },
  { heading: 'REFUSED FILES' },
  {
    text: "Files that refer to other files (backing and data files, parents, VMDK descriptors and extents), that are encrypted, damaged, truncated or in use, or that match two formats. Files that are not disk images, unless you give --file-format raw. Archives that the hypervisor agents cannot unpack, and paths that they cannot read: only letters, digits, / and -._~!$&'()*+,;=:@ are allowed.",
  },
]
