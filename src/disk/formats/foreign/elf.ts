import type { Inspector } from '../../inspect/inspector.ts'
import type { Machine } from './machines.ts'
import * as machines from './machines.ts'

/*
 * System V ABI, "ELF Header": https://gabi.xinuos.com/elf/02-eheader.html
 * and its list of architectures: https://gabi.xinuos.com/elf/a-emachine.html
 */

const MAGIC = 0x7f454c46
const RISCV = 243

const MACHINES: Readonly<Record<number, Machine>> = {
  2: machines.SPARC,
  3: machines.X86,
  8: machines.MIPS,
  20: machines.PPC,
  21: machines.PPC64,
  22: machines.S390X,
  40: machines.ARM,
  43: machines.SPARC64,
  50: machines.IA64,
  62: machines.X86_64,
  183: machines.ARM64,
  258: machines.LOONGARCH64,
}

/** Recognises a Unix program, library or kernel. */
export const elf: Inspector = {
  name: 'elf',
  kind: 'foreign',
  title: 'an ELF file',
  async inspect(source) {
    const header = await source.read(0, 20)
    if (header.length < 20 || header.readUInt32BE(0) !== MAGIC) return undefined
    const width = header[4]
    const order = header[5]
    const version = header[6]
    if ((width !== 1 && width !== 2) || (order !== 1 && order !== 2) || version !== 1) return undefined
    const number = order === 1 ? header.readUInt16LE(18) : header.readUInt16BE(18)
    const riscv = width === 1 ? machines.RISCV32 : machines.RISCV64
    const machine = number === RISCV ? riscv : MACHINES[number]
    if (machine === undefined) return { at: 0 }
    return { at: 0, title: `an ELF file for ${machine.label}`, arch: machine.arch }
  },
}
