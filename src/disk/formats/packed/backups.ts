import { FILE } from '../../inspect/inspection.ts'
import type { Inspector } from '../../inspect/inspector.ts'

/*
 * Copies of disks in the formats of other programs, recognised by their first bytes:
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
 * the others: https://github.com/file/file/tree/master/magic/Magdir
 */

interface Backup {
  name: string
  title: string
  /** How to make a disk image of it. */
  hint: string
  /** How it starts, in hexadecimal digits. */
  start: RegExp
}

const OUT = 'OUT.raw'
/** Makes an inspector's regular expression of text that it starts with. */
const text = (start: string) => new RegExp(`^${Buffer.from(start, 'latin1').toString('hex')}`)
const restored = (command: string) => `Restore it to a disk, and make an image of that: ${command}`

const BACKUPS: readonly Backup[] = [
  {
    name: 'ewf',
    title: 'an EWF image of EnCase',
    hint: `Export it: ewfexport -f raw -t OUT ${FILE}`,
    // Of disks and of files, in the first and in the second version.
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
    title: 'a backup of Proxmox VE (VMA)',
    hint: `Extract it, and register the disk inside: vma extract ${FILE} FOLDER`,
    start: /^564d410000000001/,
  },
  {
    name: 'proxmox-backup',
    title: 'an index of Proxmox Backup Server',
    hint: 'Restore the disk from the server: proxmox-backup-client restore',
    start: /^(?:2f7f41ed91fd0fcd|1c914ea519bab3cd)/,
  },
  {
    name: 'rbd-export',
    title: 'an export of Ceph (rbd export --export-format 2)',
    hint: `Import it, and export it as a raw disk: rbd import --export-format 2 ${FILE} POOL/IMAGE, rbd export POOL/IMAGE ${OUT}`,
    start: text('rbd image '),
  },
  {
    name: 'rbd-diff',
    title: 'a difference between two states of a Ceph image',
    hint: `Apply it to the image, and export that: rbd import-diff ${FILE} POOL/IMAGE, rbd export POOL/IMAGE ${OUT}`,
    start: text('rbd diff v'),
  },
  {
    name: 'sparseimage',
    title: 'a sparse image of macOS',
    hint: `Convert it on macOS: hdiutil convert ${FILE} -format UDTO -o OUT`,
    start: /^73707273000000/,
  },
  {
    name: 'asif',
    title: 'a sparse image of macOS (ASIF)',
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
    title: 'an image of partclone',
    hint: `It is one partition, as Clonezilla saves it. Restore it: partclone.restore -C -s ${FILE} -O ${OUT}`,
    start: text('partclone-image'),
  },
  {
    name: 'ntfsclone',
    title: 'an image of ntfsclone',
    hint: `It is one partition. Restore it: ntfsclone --restore-image --overwrite ${OUT} ${FILE}`,
    start: text('\0ntfsclone-image'),
  },
  {
    name: 'partimage',
    title: 'an image of Partimage',
    hint: restored('partimage restore'),
    start: text('PaRtImAgE-VoLuMe'),
  },
  { name: 'fsarchiver', title: 'an archive of FSArchiver', hint: restored('fsarchiver restfs'), start: text('FsA0') },
  { name: 'ghost', title: 'an image of Ghost', hint: restored('Ghost'), start: /^feef0[1-6]0[0-9a]/ },
  { name: 'tib', title: 'a backup of Acronis', hint: restored('Acronis True Image'), start: /^ce24b9a220000000/ },
  {
    name: 'cso',
    title: 'a compressed ISO image (CSO)',
    hint: `Unpack it: maxcso --decompress ${FILE}`,
    // CISO and ZISO, with the length of the header, or that of a block of GameCube's.
    start: /^(?:4349534f|5a49534f)(?:(?:00|18)000000|0000(?:20|40|80)00)/,
  },
  {
    name: 'chd',
    title: 'an image of MAME (CHD)',
    hint: `Extract it: chdman extracthd -i ${FILE} -o ${OUT}`,
    start: text('MComprHD'),
  },
  {
    name: 'btrfs-stream',
    title: 'a stream of btrfs send',
    hint: restored('btrfs receive'),
    start: text('btrfs-stream\0'),
  },
  {
    name: 'zfs-stream',
    title: 'a stream of zfs send',
    hint: restored('zfs receive'),
    start: /^.{16}(?:accbbaf502000000|00000002f5bacbac)/,
  },
  { name: 'xfsdump', title: 'a dump of XFS', hint: restored('xfsrestore'), start: text('xFSdump0') },
]

/** Copies of disks in formats of backup programs, forensics and emulators. */
export const backups: readonly Inspector[] = BACKUPS.map(({ name, title, hint, start }) => ({
  name,
  kind: 'packed',
  title,
  async inspect(source) {
    const head = (await source.read(0, 32)).toString('hex')
    return start.test(head) ? { at: 0, refusals: [{ why: `is ${title}, not a disk image`, hint }] } : undefined
  },
}))
