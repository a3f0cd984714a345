/*
 * The first sector of a disk with one partition. It is written here because all of it is 66 bytes; the boot code comes
 * from GRUB.
 */

const SECTOR = 512
/** Bytes of boot code: what follows is the disk signature and the partition table. */
const BOOT_CODE = 440
const TABLE = 446
const BOOT_SIGNATURE = 0xaa55
const [ACTIVE, LINUX] = [0x80, 0x83]
/** Head, sector and cylinder that stand for what lies beyond the 8 GB which these can express. */
const BEYOND_CHS = [0xfe, 0xff, 0xff]

/** Bytes before the first partition, which leaves room for a boot loader; the place that all partitioning tools use. */
export const PARTITION_START = 1024 ** 2

/**
 * Returns the first sector of a disk whose only partition is bootable and goes to its end.
 *
 * @param bootCode the first 440 bytes count.
 * @param signature of the disk.
 * @param size bytes of the disk, whole sectors, and at most 2 TiB.
 */
export function firstSector(bootCode: Buffer, signature: number, size: number): Buffer {
  const sector = Buffer.alloc(SECTOR)
  bootCode.copy(sector, 0, 0, BOOT_CODE)
  sector.writeUInt32LE(signature, BOOT_CODE)
  sector.set([ACTIVE, ...BEYOND_CHS, LINUX, ...BEYOND_CHS], TABLE)
  sector.writeUInt32LE(PARTITION_START / SECTOR, TABLE + 8)
  sector.writeUInt32LE((size - PARTITION_START) / SECTOR, TABLE + 12)
  sector.writeUInt16LE(BOOT_SIGNATURE, SECTOR - 2)
  return sector
}
