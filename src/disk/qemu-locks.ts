import { readFile } from 'node:fs/promises'
import type { ImageFile } from './image-file.ts'

/*
 * A QEMU that writes to an image holds a lock on a byte of it: block/file-posix.c,
 * RAW_LOCK_PERM_BASE (100) and BLK_PERM_WRITE (2, so the second byte). For a raw
 * image `qemu-img info` does not look; the kernel tells of all locks in
 * /proc/locks (proc_locks(5)).
 */
const WRITE_LOCK = 101

/** Says whether a QEMU of this host has a file open to write to it, as far as the kernel tells. */
export async function isWrittenByQemu(file: ImageFile): Promise<boolean> {
  const locks = await readFile('/proc/locks', 'latin1').catch(() => '')
  const { dev, ino } = file.opened
  const device = [majorOf(dev), minorOf(dev)].map((number) => number.toString(16).padStart(2, '0')).join(':')
  return locks.split('\n').some((line) => {
    const [place, start, end] = line.trim().split(/\s+/).slice(-3)
    return place === `${device}:${ino}` && Number(start) <= WRITE_LOCK && (end === 'EOF' || Number(end) >= WRITE_LOCK)
  })
}

/** The two halves of a device's number: makedev(3). */
function majorOf(dev: bigint): bigint {
  return ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n)
}

function minorOf(dev: bigint): bigint {
  return (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n)
}
