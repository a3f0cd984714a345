import type { GuestSystem } from './system.ts'
import type { GuestFiles } from './tree/guest-files.ts'

/**
 * What is known of a guest's disk beside its files. Whoever reads the disk provides it; an unpacked
 * folder has none.
 */
export interface GuestDisk {
  /** Whether the first sector of the disk has boot code. */
  hasBootCode: boolean
  /** Whether an EFI system partition has a boot loader. */
  hasEfiLoader: boolean
  /** Whether the root filesystem is at the end of the disk; undefined if that is not known, as with LVM. */
  isRootLast: boolean | undefined
  /** Names of all root filesystems that were found, such as /dev/sda1. */
  roots: readonly string[]
  /** Names of encrypted partitions and volumes, which may hold a root filesystem. */
  encrypted: readonly string[]
  /** What the filesystems and partitions of the disk can be called in /etc/fstab. */
  filesystems: readonly GuestFilesystem[]
}

/** The names of a filesystem, as blkid(8) reports them. */
export interface GuestFilesystem {
  uuid?: string
  label?: string
  partUuid?: string
  partLabel?: string
}

/** A guest that is checked. */
export interface Guest {
  files: GuestFiles
  system: GuestSystem
  /** undefined if only files are known. */
  disk: GuestDisk | undefined
  /** True if keys with which people log in are meant to be there. */
  keepsKeys?: boolean
}

/** Why a check that needs the disk is unknown. */
export const NO_DISK = 'a folder has no disk'
