import { FILE } from '../../inspect/inspection.ts'
import type { Inspector } from '../../inspect/inspector.ts'

/*
 * Disk copies in the formats of backup programs and others, recognised by their first bytes:
 * EWF: https://github.com/libyal/libewf/blob/main/documentation/Expert%20Witness%20Compression%20Format%20(EWF).asciidoc
 * AFF: https://github.com/sshock/AFFLIBv3/blob/master/lib/aff.h
 * Proxmox: https://git.proxmox.com/?p=pve-qemu.git (vma_spec.txt),
 *   https://pbs.proxmox.com/docs/file-formats.html
 * Ceph: https://docs.ceph.com/en/latest/dev/rbd-diff/, https://docs.ceph.com/en/latest/dev/rbd-export/
 * macOS: https://github.com/libyal/libmodi/blob/main/documentation/Mac%20OS%20disk%20image%20types.asciidoc,
 *   https://github.com/huven/asif-format
 * Android: https://android.googlesource.com/platform/system/core/+/main/libsparse/sparse_format.h
 * partclone: https://github.com/Thomas-Tsai/partclone/blob/master/IMAGE_FORMATS.md
 * FSArchiver: https://github.com/fdupoux/fsarchiver/blob/master/src/fsarchiver.h
 * CSO: https://github.com/unknownbrackets/maxcso/blob/master/README_CSO.md
 * CHD: https://github.com/mamedev/mame/blob/master/src/lib/util/chd.h
 * Others: https://github.com/file/file/tree/master/magic/Magdir
 */

interface Backup {
  name: string
  title: string
  /** How to convert it to a disk image. */
  hint: string
  /** Matches the first bytes, as hexadecimal digits. */
  start: RegExp
}

const OUT = 'OUT.raw'
/** Returns the expression for a file that starts with text. */
const text = (start: string) => new RegExp(`^${Buffer.from(start, 'latin1').toString('hex')}`)
const restored = (program: string) => `Restore it to a disk with ${program}, then make an image of that disk`

const BACKUPS: readonly Backup[] = [
  {
    name: 'ewf',
    title: 'an EnCase image (EWF)',
    hint: `Export it: ewfexport -f raw -t OUT ${FILE}`,
    // Images of disks and of files, in versions 1 and 2.
    start: /^(?:(?:455646|4c5646)090d0aff00|(?:45564632|4c454632)0d0a8100)/,
  },
  {
    name: 'aff',
    title: 'an AFF image',
    hint: `Convert it: affconvert -r ${FILE}`,
    start: /^(?:414646313[0-9]0d0a00|41464600)/,
  },
  {
    name: 'vma',
    title: 'a Proxmox VE backup (VMA)',
    hint: `Extract it and register the disk inside: vma extract ${FILE} FOLDER`,
    start: /^564d410000000001/,
  },
  {
    name: 'proxmox-backup',
    title: 'a Proxmox Backup Server index',
    hint: 'Restore the disk from the server: proxmox-backup-client restore',
    start: /^(?:2f7f41ed91fd0fcd|1c914ea519bab3cd)/,
  },
  {
    name: 'rbd-export',
    title: 'a Ceph export (rbd export --export-format 2)',
    hint: `Import it, then export it as a raw disk: rbd import --export-format 2 ${FILE} POOL/IMAGE, rbd export POOL/IMAGE ${OUT}`,
    start: text('rbd image '),
  },
  {
    name: 'rbd-diff',
    title: 'a Ceph image diff (rbd export-diff)',
    hint: `Apply it to its image, then export that image: rbd import-diff ${FILE} POOL/IMAGE, rbd export POOL/IMAGE ${OUT}`,
    start: text('rbd diff v'),
  },
  {
    name: 'sparseimage',
    title: 'a macOS sparse image',
    hint: `Convert it on macOS: hdiutil convert ${FILE} -format UDTO -o OUT`,
    start: /^73707273000000/,
  },
  {
    name: 'asif',
    title: 'a macOS sparse image (ASIF)',
    hint: `Convert it on macOS: diskutil image create from --format RAW ${FILE} ${OUT}`,
    start: /^736864770000/,
  },
  {
    name: 'android-sparse',
    title: 'an Android sparse image',
    hint: `Convert it: simg2img ${FILE} ${OUT}`,
    start: /^3aff26ed0100/,
  },
  {
    name: 'partclone',
    title: 'a partclone image',
    hint: `It is a single partition, as saved by Clonezilla. Restore it: partclone.restore -C -s ${FILE} -O ${OUT}`,
    start: text('partclone-image'),
  },
  {
    name: 'ntfsclone',
    title: 'an ntfsclone image',
    hint: `It is a single partition. Restore it: ntfsclone --restore-image --overwrite ${OUT} ${FILE}`,
    start: text('\0ntfsclone-image'),
  },
  {
    name: 'partimage',
    title: 'a Partimage image',
    hint: restored('partimage restore'),
    start: text('PaRtImAgE-VoLuMe'),
  },
  { name: 'fsarchiver', title: 'an FSArchiver archive', hint: restored('fsarchiver restfs'), start: text('FsA0') },
  { name: 'ghost', title: 'a Ghost image', hint: restored('Ghost'), start: /^feef0[1-6]0[0-9a]/ },
  { name: 'tib', title: 'an Acronis backup', hint: restored('Acronis True Image'), start: /^ce24b9a220000000/ },
  {
    name: 'cso',
    title: 'a compressed ISO image (CSO)',
    hint: `Unpack it: maxcso --decompress ${FILE}`,
    // CISO and ZISO with the length of the header, or GameCube's CISO with the length of a block.
    start: /^(?:4349534f|5a49534f)(?:(?:00|18)000000|0000(?:20|40|80)00)/,
  },
  {
    name: 'chd',
    title: 'a MAME hard disk file (CHD)',
    hint: `Extract it: chdman extracthd -i ${FILE} -o ${OUT}`,
    start: text('MComprHD'),
  },
  {
    name: 'btrfs-stream',
    title: 'a btrfs send stream',
    hint: restored('btrfs receive'),
    start: text('btrfs-stream\0'),
  },
  {
    name: 'zfs-stream',
    title: 'a zfs send stream',
    hint: restored('zfs receive'),
    start: /^.{16}(?:accbbaf502000000|00000002f5bacbac)/,
  },
  { name: 'xfsdump', title: 'an XFS dump', hint: restored('xfsrestore'), start: text('xFSdump0') },
]

/** Recognise disk copies in the formats of backup, forensics and emulation programs. */
export const backups: readonly Inspector[] = BACKUPS.map(({ name, title, hint, start }) => ({
  name,
  kind: 'packed',
  title,
  async inspect(source) {
    const head = (await source.read(0, 32)).toString('hex')
    return start.test(head) ? { at: 0, refusals: [{ why: `is ${title}, not a disk image`, hint }] } : undefined
  },
}))
