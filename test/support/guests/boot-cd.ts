import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'

/** What the boot loader of TINY_CD leaves in the first sector of a disk. */
export const WRITTEN = 'installed by a test'

/** Bytes that a BIOS loads from a CD without emulation of a floppy disk. */
const BOOT_SIZE = 2048
const [PACKET, TEXT, SIGNATURE] = [32, 64, 510]

/** 16-bit code that writes itself to the first sector of the first disk, and then does what `end` says. */
function bootCode(end: readonly number[]): Buffer {
  const code = Buffer.alloc(BOOT_SIZE)
  code.set([
    ...[0xe8, 0x00, 0x00, 0x5e], // call to the next instruction; pop si: its address
    ...[0x0e, 0x1f], // push cs; pop ds
    ...[0x83, 0xc6, PACKET - 3], // add si: the address of the packet
    ...[0xb4, 0x43, 0xb0, 0x00, 0xb2, 0x80, 0xcd, 0x13], // extended write to disk 0x80
    ...end,
  ])
  // Size of the packet, one sector, from the address 0:7c00 to block 0.
  code.set([0x10, 0, 1, 0, 0x00, 0x7c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], PACKET)
  code.write(WRITTEN, TEXT, 'latin1')
  code.writeUInt16LE(0xaa55, SIGNATURE)
  return code
}

/** What a boot loader does at its end. */
export const ENDS = {
  /** mov dx, 0x604; mov ax, 0x2000; out dx, ax: QEMU's power management; hlt */
  powersOff: [0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef, 0xf4],
  /** mov al, 0xfe; out 0x64, al: the keyboard controller resets the processor; hlt */
  restarts: [0xb0, 0xfe, 0xe6, 0x64, 0xf4],
  /** jmp to itself */
  runsForEver: [0xeb, 0xfe],
} as const

/**
 * Makes a CD image with a boot loader that writes to the first disk.
 *
 * @param options more options of mkisofs.
 */
export async function makeBootCd(
  path: string,
  end: keyof typeof ENDS = 'powersOff',
  options: readonly string[] = [],
): Promise<void> {
  const tree = mkdtempSync(join(dirname(path), 'cd-'))
  writeFileSync(join(tree, 'boot.bin'), bootCode(ENDS[end]))
  const boots = ['-b', 'boot.bin', '-c', 'boot.cat', '-no-emul-boot', '-boot-load-size', '4']
  await execa('xorriso', ['-as', 'mkisofs', '-quiet', ...boots, ...options, '-o', path, tree])
  rmSync(tree, { recursive: true })
}
