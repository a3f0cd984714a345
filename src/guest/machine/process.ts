import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Duplex, Readable } from 'node:stream'
import { boundCommand } from '../../disk/qemu/bound-command.ts'

const [KIB, MIB, GIB] = [2 ** 10, 2 ** 20, 2 ** 30]
/** Bytes of address space of QEMU beside the memory of the machine: up to 1 GiB for translated code, the display, libraries. */
const ADDRESS_SPACE = 3 * GIB
/** Bytes of the largest file that QEMU writes: what the guest changes on a disk that is not written to. */
const LARGEST_FILE = 5 * GIB

/** A process of QEMU. */
export interface QemuProcess {
  child: ChildProcessByStdio<null, Readable, Readable>
  /** The connection to its monitor. */
  monitor: Duplex
}

/** Descriptors of QEMU. What follows is passed on. */
export const MONITOR = 3
/** The first descriptor that is passed on. */
export const FIRST_PASSED = 4

/** How QEMU runs. */
interface QemuOptions {
  /** Its working folder and its folder for temporary files. */
  folder: string
  /** MiB of memory of the machine. */
  memory: number
  /** Descriptors that QEMU gets as FIRST_PASSED and so on. */
  descriptors: readonly number[]
  /** Whether it writes to a disk, which may be larger than the largest file. */
  isWriting: boolean
}

/**
 * Starts QEMU within limits of memory and disk space, in a process group of its own. It ends with this process. Its
 * stdout is the serial console.
 */
export function startQemu(
  program: string,
  args: readonly string[],
  { folder, memory, descriptors, isWriting }: QemuOptions,
): QemuProcess {
  const script = [
    // A file that would become too large is an error that the guest is told of.
    'trap "" XFSZ',
    'ulimit -c 0',
    `ulimit -v ${(ADDRESS_SPACE + memory * MIB) / KIB}`,
    ...(isWriting ? [] : [`ulimit -f ${LARGEST_FILE / 512}`]),
    'exec "$@"',
  ]
  const [setpriv, ...bound] = boundCommand(script)
  const child = spawn(setpriv, [...bound, program, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', ...descriptors],
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', TMPDIR: folder },
    detached: true,
  })
  return {
    child: child as unknown as QemuProcess['child'],
    monitor: child.stdio[MONITOR] as Duplex,
  }
}
