import type { Inspector } from '../inspect/inspector.ts'
import { encryptedVolumes } from './contents/encrypted-volumes.ts'
import { apfs } from './contents/filesystems/apfs.ts'
import { btrfs } from './contents/filesystems/btrfs.ts'
import { erofs } from './contents/filesystems/erofs.ts'
import { exfat } from './contents/filesystems/exfat.ts'
import { ext } from './contents/filesystems/ext.ts'
import { f2fs } from './contents/filesystems/f2fs.ts'
import { fat } from './contents/filesystems/fat.ts'
import { hfsplus } from './contents/filesystems/hfsplus.ts'
import { iso9660 } from './contents/filesystems/iso9660.ts'
import { jfs } from './contents/filesystems/jfs.ts'
import { ntfs } from './contents/filesystems/ntfs.ts'
import { reiserfs } from './contents/filesystems/reiserfs.ts'
import { squashfs } from './contents/filesystems/squashfs.ts'
import { udf } from './contents/filesystems/udf.ts'
import { ufs } from './contents/filesystems/ufs.ts'
import { xfs } from './contents/filesystems/xfs.ts'
import { gpt } from './contents/gpt.ts'
import { lvm } from './contents/lvm.ts'
import { mbr } from './contents/mbr.ts'
import { swap } from './contents/swap.ts'
import { documents } from './foreign/documents.ts'
import { elf } from './foreign/elf.ts'
import { initrd } from './foreign/initrd.ts'
import { linuxKernel } from './foreign/linux-kernel.ts'
import { pe } from './foreign/pe.ts'
import { text } from './foreign/text.ts'
import { bochs } from './image/bochs.ts'
import { cloop } from './image/cloop.ts'
import { dmg, encryptedDmg } from './image/dmg.ts'
import { luks } from './image/luks.ts'
import { parallels } from './image/parallels.ts'
import { qcow } from './image/qcow/qcow.ts'
import { qcow2 } from './image/qcow/qcow2.ts'
import { qed } from './image/qed.ts'
import { vdi } from './image/vdi.ts'
import { vhdx } from './image/vhdx.ts'
import { vmdk } from './image/vmdk/vmdk.ts'
import { vmdkCowd } from './image/vmdk/vmdk-cowd.ts'
import { vmdkDescriptor } from './image/vmdk/vmdk-descriptor.ts'
import { vpc } from './image/vpc.ts'
import { backups } from './packed/backups.ts'
import { bzip2 } from './packed/bzip2.ts'
import { gzip } from './packed/gzip.ts'
import { moreArchives } from './packed/more-archives.ts'
import { savedMachines } from './packed/saved-machines.ts'
import { sevenzip } from './packed/sevenzip.ts'
import { tar } from './packed/tar.ts'
import { xz } from './packed/xz.ts'
import { officeZip, zip } from './packed/zip.ts'
import { zstd } from './packed/zstd.ts'

const IMAGES = [
  qcow2,
  qcow,
  qed,
  vmdk,
  vmdkCowd,
  vmdkDescriptor,
  vdi,
  vpc,
  vhdx,
  parallels,
  luks,
  bochs,
  cloop,
  dmg,
  encryptedDmg,
]
const CONTENTS = [
  ...[mbr, gpt, iso9660, udf, ext, xfs, btrfs, fat, ntfs, exfat, f2fs, jfs, reiserfs, squashfs, erofs],
  ...[hfsplus, apfs, ufs, lvm, swap, ...encryptedVolumes],
]
const PACKED = [gzip, xz, bzip2, zstd, zip, sevenzip, tar, ...moreArchives, ...backups, ...savedMachines]
const FOREIGN = [text, elf, pe, linuxKernel, initrd, officeZip, ...documents]

/** The inspectors of all known formats. */
export const INSPECTORS: readonly Inspector[] = [...IMAGES, ...CONTENTS, ...PACKED, ...FOREIGN]
