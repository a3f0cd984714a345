import type { Source } from '../../file/source.ts'
import type { Inspector } from '../../inspect/inspector.ts'
import type { Machine } from './machines.ts'
import * as machines from './machines.ts'

/*
 * Microsoft's PE Format: https://learn.microsoft.com/en-us/windows/win32/debug/pe-format
 * Numbers are little-endian.
 */

const MZ = 0x5a4d
/** Where the offset of the PE header is stored; the header is near the start of the file. */
const HEADER_AT = 60
const HEADER_LIMIT = 64 * 1024
/** Offset of the subsystem in the PE header: after the signature and the file header of 20 bytes. */
const SUBSYSTEM = 4 + 20 + 68
const EFI_SUBSYSTEMS = [10, 11, 12, 13]

const MACHINES: Readonly<Record<number, Machine>> = {
  332: machines.X86,
  448: machines.ARM,
  450: machines.ARM,
  452: machines.ARM,
  512: machines.IA64,
  20530: machines.RISCV32,
  20580: machines.RISCV64,
  25188: machines.LOONGARCH64,
  34404: machines.X86_64,
  43620: machines.ARM64,
}

/** Recognises a Windows or EFI program. */
export const pe: Inspector = {
  name: 'pe',
  kind: 'foreign',
  title: 'a Windows program',
  async inspect(source) {
    const program = await readPe(source)
    if (program === undefined) return undefined
    const title = program.isEfi ? 'an EFI program' : 'a Windows program'
    if (program.machine === undefined) return { at: 0, title }
    return { at: 0, title: `${title} for ${program.machine.label}`, arch: program.machine.arch }
  },
}

/** Reads what a PE file is made for. Returns undefined if it is not a PE file. */
export async function readPe(source: Source): Promise<{ machine: Machine | undefined; isEfi: boolean } | undefined> {
  const start = await source.read(0, HEADER_AT + 4)
  if (start.length < HEADER_AT + 4 || start.readUInt16LE(0) !== MZ) return undefined
  const at = start.readUInt32LE(HEADER_AT)
  if (at > HEADER_LIMIT) return undefined
  const header = await source.read(at, SUBSYSTEM + 2)
  if (header.length < SUBSYSTEM + 2 || header.toString('latin1', 0, 4) !== 'PE\0\0') return undefined
  return {
    machine: MACHINES[header.readUInt16LE(4)],
    isEfi: EFI_SUBSYSTEMS.includes(header.readUInt16LE(SUBSYSTEM)),
  }
}
