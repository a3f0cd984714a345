import type { Source } from '../../file/source.ts'
import type { Finding, Inspector } from '../../inspect/inspector.ts'
import { crc32 } from '../crc32.ts'
import type { Machine } from './machines.ts'
import * as machines from './machines.ts'
import { readPe } from './pe.ts'

/*
 * x86: https://docs.kernel.org/arch/x86/boot.html
 * ARM64: https://docs.kernel.org/arch/arm64/booting.html
 * RISC-V: https://docs.kernel.org/arch/riscv/boot-image-header.html
 * ARM's zImage: https://github.com/torvalds/linux/blob/master/arch/arm/boot/compressed/head.S
 * EFI's zboot: https://github.com/torvalds/linux/blob/master/drivers/firmware/efi/libstub/zboot-header.S
 * U-Boot's uImage: https://github.com/u-boot/u-boot/blob/master/include/image.h
 */

/** Magic numbers in the first 64 bytes, and their architectures. */
const MAGICS: readonly [at: number, bytes: string, machine: Machine | undefined][] = [
  [56, 'ARM\x64', machines.ARM64],
  [56, 'RSC\x05', machines.RISCV64],
  [36, '\x18\x28\x6f\x01', machines.ARM],
]
const ZBOOT = 'zimg'
const ZBOOT_AT = 4

/** Boot protocol 2.12 added "xloadflags". Its first bit is set if there is a 64-bit entry point. */
const XLOADFLAGS_SINCE = 0x020c
const SIXTY_FOUR_BIT = 1

const UIMAGE = 0x27051956
const UIMAGE_KERNEL = 2
const UIMAGE_MACHINES: Readonly<Record<number, Machine>> = {
  2: machines.ARM,
  3: machines.X86,
  5: machines.MIPS,
  7: machines.PPC,
  22: machines.ARM64,
  24: machines.X86_64,
  26: machines.RISCV64,
}

/** Recognises a Linux kernel, or a program that boots like one, such as iPXE and Memtest86+. Many are also PE files. */
export const linuxKernel: Inspector = {
  name: 'linux-kernel',
  kind: 'foreign',
  title: 'a Linux kernel',
  async inspect(source) {
    const start = await source.read(0, 1024)
    return x86Kernel(start) ?? uImage(start) ?? (await otherKernel(source, start))
  },
}

function x86Kernel(start: Buffer): Finding | undefined {
  if (start.length < 0x240 || start.readUInt16LE(0x1fe) !== 0xaa55) return undefined
  if (start.toString('latin1', 0x202, 0x206) !== 'HdrS') return undefined
  const hasFlags = start.readUInt16LE(0x206) >= XLOADFLAGS_SINCE
  const isLong = hasFlags && (start.readUInt16LE(0x236) & SIXTY_FOUR_BIT) !== 0
  return kernelFor(0x202, isLong ? machines.X86_64 : machines.X86)
}

/** Recognises U-Boot's uImage. Its checksum is checked because its magic number alone is not enough. */
function uImage(start: Buffer): Finding | undefined {
  if (start.length < 64 || start.readUInt32BE(0) !== UIMAGE) return undefined
  const header = Buffer.from(start.subarray(0, 64))
  header.writeUInt32BE(0, 4)
  if (crc32(header) !== start.readUInt32BE(4)) return undefined
  return start[30] === UIMAGE_KERNEL
    ? kernelFor(0, UIMAGE_MACHINES[start.readUInt8(29)])
    : { at: 0, title: 'a U-Boot image (uImage)' }
}

async function otherKernel(source: Source, start: Buffer): Promise<Finding | undefined> {
  const text = start.toString('latin1', 0, 64)
  for (const [at, bytes, machine] of MAGICS) {
    if (text.startsWith(bytes, at)) return kernelFor(at, machine)
  }
  if (!text.startsWith(ZBOOT, ZBOOT_AT)) return undefined
  const program = await readPe(source)
  return program && kernelFor(ZBOOT_AT, program.machine)
}

function kernelFor(at: number, machine: Machine | undefined): Finding {
  return machine === undefined ? { at } : { at, title: `a Linux kernel for ${machine.label}`, arch: machine.arch }
}
