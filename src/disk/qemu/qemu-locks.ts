import { readFile } from 'node:fs/promises'
import type { ImageFile } from '../file/image-file.ts'

/*
 * A QEMU process that writes to an image locks a byte of it: block/file-posix.c,
 * RAW_LOCK_PERM_BASE (100) and BLK_PERM_WRITE (2, so the second byte). `qemu-img info` ignores
 * the lock of a raw image, but the kernel lists all locks in /proc/locks (proc_locks(5)).
 */
const WRITE_LOCK = 101

/** Returns true if a QEMU process of this host has a file open for writing, according to the kernel's locks. */
export async function isWrittenByQemu(file: ImageFile): Promise<boolean> {
  const locks = await readFile('/proc/locks', 'latin1').catch(() => '')
  const places = [deviceOf(file.opened.dev), await mountedDevice(file)].map((device) => `${device}:${file.opened.ino}`)
  return locks.split('\n').some((line) => {
    const [place = '', start, end] = line.trim().split(/\s+/).slice(-3)
    return places.includes(place) && Number(start) <= WRITE_LOCK && (end === 'EOF' || Number(end) >= WRITE_LOCK)
  })
}

/**
 * Returns the device under which the kernel lists a file's locks. On btrfs, and sometimes on
 * overlayfs, it differs from the device of stat(2): each subvolume and layer has its own.
 */
async function mountedDevice({ handle }: ImageFile): Promise<string | undefined> {
  const read = (name: string) => readFile(`/proc/self/${name}`, 'latin1').catch(() => '')
  const mount = /^mnt_id:\s*([0-9]+)/m.exec(await read(`fdinfo/${handle.fd}`))?.[1]
  // The fields are mount ID, parent ID and device: proc(5), mountinfo.
  const line = new RegExp(`^${mount} [0-9]+ ([0-9]+):([0-9]+) `, 'm').exec(await read('mountinfo'))
  return line === null ? undefined : [line[1], line[2]].map((half) => hex(BigInt(half as string))).join(':')
}

function deviceOf(dev: bigint): string {
  return [majorOf(dev), minorOf(dev)].map(hex).join(':')
}

function hex(number: bigint): string {
  return number.toString(16).padStart(2, '0')
}

/** Returns the major number of a device: makedev(3). */
function majorOf(dev: bigint): bigint {
  return ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n)
}

/** Returns the minor number of a device: makedev(3). */
function minorOf(dev: bigint): bigint {
  return (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n)
}
