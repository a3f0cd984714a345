import type { Inspector } from '../inspector.ts'
import { apfs } from './apfs.ts'
import { backups } from './backups.ts'
import { bochs } from './bochs.ts'
import { btrfs } from './btrfs.ts'
import { bzip2 } from './bzip2.ts'
import { cloop } from './cloop.ts'
import { dmg, encryptedDmg } from './dmg.ts'
import { documents } from './documents.ts'
import { elf } from './elf.ts'
import { encryptedVolumes } from './encrypted-volumes.ts'
import { erofs } from './erofs.ts'
import { exfat } from './exfat.ts'
import { ext } from './ext.ts'
import { f2fs } from './f2fs.ts'
import { fat } from './fat.ts'
import { gpt } from './gpt.ts'
import { gzip } from './gzip.ts'
import { hfsplus } from './hfsplus.ts'
import { initrd } from './initrd.ts'
import { iso9660 } from './iso9660.ts'
import { jfs } from './jfs.ts'
import { linuxKernel } from './linux-kernel.ts'
import { luks } from './luks.ts'
import { lvm } from './lvm.ts'
import { mbr } from './mbr.ts'
import { moreArchives } from './more-archives.ts'
import { ntfs } from './ntfs.ts'
import { parallels } from './parallels.ts'
import { pe } from './pe.ts'
import { qcow } from './qcow.ts'
import { qcow2 } from './qcow2.ts'
import { qed } from './qed.ts'
import { reiserfs } from './reiserfs.ts'
import { savedMachines } from './saved-machines.ts'
import { sevenzip } from './sevenzip.ts'
import { squashfs } from './squashfs.ts'
import { swap } from './swap.ts'
import { tar } from './tar.ts'
import { text } from './text.ts'
import { udf } from './udf.ts'
import { ufs } from './ufs.ts'
import { vdi } from './vdi.ts'
import { vhdx } from './vhdx.ts'
import { vmdk } from './vmdk.ts'
import { vmdkCowd } from './vmdk-cowd.ts'
import { vmdkDescriptor } from './vmdk-descriptor.ts'
import { vpc } from './vpc.ts'
import { xfs } from './xfs.ts'
import { xz } from './xz.ts'
import { officeZip, zip } from './zip.ts'
import { zstd } from './zstd.ts'

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

/** All formats that are looked for. */
export const INSPECTORS: readonly Inspector[] = [...IMAGES, ...CONTENTS, ...PACKED, ...FOREIGN]
