import { readFile } from 'node:fs/promises'
import type { ImageFile } from '../file/image-file.ts'

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
  const places = [deviceOf(file.opened.dev), await mountedDevice(file)].map((device) => `${device}:${file.opened.ino}`)
  return locks.split('\n').some((line) => {
    const [place = '', start, end] = line.trim().split(/\s+/).slice(-3)
    return places.includes(place) && Number(start) <= WRITE_LOCK && (end === 'EOF' || Number(end) >= WRITE_LOCK)
  })
}

/**
 * The device that the kernel keeps a file's locks under. On btrfs, and partly on
 * overlayfs, stat(2) has another for it: each subvolume and layer has its own.
 */
async function mountedDevice({ handle }: ImageFile): Promise<string | undefined> {
  const read = (name: string) => readFile(`/proc/self/${name}`, 'latin1').catch(() => '')
  const mount = /^mnt_id:\s*([0-9]+)/m.exec(await read(`fdinfo/${handle.fd}`))?.[1]
  // The mount, the one around it, its device: proc(5), mountinfo.
  const line = new RegExp(`^${mount} [0-9]+ ([0-9]+):([0-9]+) `, 'm').exec(await read('mountinfo'))
  return line === null ? undefined : [line[1], line[2]].map((half) => hex(BigInt(half as string))).join(':')
}

function deviceOf(dev: bigint): string {
  return [majorOf(dev), minorOf(dev)].map(hex).join(':')
}

function hex(number: bigint): string {
  return number.toString(16).padStart(2, '0')
}

/** The two halves of a device's number: makedev(3). */
function majorOf(dev: bigint): bigint {
  return ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n)
}

function minorOf(dev: bigint): bigint {
  return (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n)
}
