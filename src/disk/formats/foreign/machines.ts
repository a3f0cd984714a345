/** An architecture that a program is made for. */
export interface Machine {
  /** Its name in messages, as in `an ELF file for ARM64`. */
  readonly label: string
  /** dcmgr's name, or the common one if dcmgr has none. */
  readonly arch: string
}

export const X86: Machine = { label: 'x86', arch: 'x86' }
export const X86_64: Machine = { label: 'x86-64', arch: 'x86_64' }
export const ARM: Machine = { label: 'ARM', arch: 'arm' }
export const ARM64: Machine = { label: 'ARM64', arch: 'arm64' }
export const RISCV32: Machine = { label: '32-bit RISC-V', arch: 'riscv32' }
export const RISCV64: Machine = { label: 'RISC-V', arch: 'riscv64' }
export const LOONGARCH64: Machine = { label: 'LoongArch', arch: 'loongarch64' }
export const IA64: Machine = { label: 'Itanium', arch: 'ia64' }
export const MIPS: Machine = { label: 'MIPS', arch: 'mips' }
export const PPC: Machine = { label: 'PowerPC', arch: 'ppc' }
export const PPC64: Machine = { label: '64-bit PowerPC', arch: 'ppc64' }
export const S390X: Machine = { label: 'IBM Z', arch: 's390x' }
export const SPARC: Machine = { label: 'SPARC', arch: 'sparc' }
export const SPARC64: Machine = { label: '64-bit SPARC', arch: 'sparc64' }
