import type { Inspector } from '../../inspect/inspector.ts'

/*
 * The Linux kernel's "initramfs buffer format", and cpio's older formats:
 * https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
 * https://man.freebsd.org/cgi/man.cgi?query=cpio&sektion=5
 */

/** The three formats with ASCII digits. Fields after the magic number are hexadecimal, or octal in the oldest. */
const START = /^(?:07070[12][0-9A-Fa-f]{104}|070707[0-7]{70})/

/** Recognises a cpio archive, which includes uncompressed initial RAM disks. */
export const initrd: Inspector = {
  name: 'cpio',
  kind: 'foreign',
  title: 'a cpio archive or an initial RAM disk',
  async inspect(source) {
    return START.test((await source.read(0, 110)).toString('latin1')) ? { at: 0 } : undefined
  },
}
