import { constants, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { allows } from '../../core/find-program.ts'
import { runProgram } from '../../disk/qemu/run-program.ts'
import type { Cancellation } from '../../disk/watcher.ts'

/** Milliseconds that a virtual machine may take to boot; emulated it takes less than one second. */
const PROBE_LIMIT = 3000
/** QEMU's isa-debug-exit exits with twice the written value plus 1. */
const [WRITTEN, EXIT_CODE] = [0x10, 0x21]
/** Bytes of a floppy disk. */
const FLOPPY = 1440 * 1024
/** mov al, WRITTEN; out 0xf4, al; hlt */
const BOOT_CODE = [0xb0, WRITTEN, 0xe6, 0xf4, 0xf4]
const BOOT_SIGNATURE = [0x55, 0xaa]

/**
 * Finds out whether KVM runs virtual machines, by booting one from a floppy disk. Elsewhere /dev/kvm exists
 * and opens, and a virtual machine runs a few instructions, and then hangs in its firmware.
 *
 * @param folder a folder of this process for the floppy disk.
 */
export async function doesKvmWork(folder: string, cancellation: Cancellation): Promise<boolean> {
  if (!(await allows('/dev/kvm', constants.R_OK | constants.W_OK))) return false
  const floppy = Buffer.alloc(FLOPPY)
  floppy.set(BOOT_CODE)
  floppy.set(BOOT_SIGNATURE, 510)
  const path = join(folder, 'floppy')
  await writeFile(path, floppy)
  const machine = ['-accel', 'kvm', '-machine', 'pc', '-m', '64', '-nodefaults', '-display', 'none', '-no-reboot']
  const drive = ['-drive', `file=${path},format=raw,if=floppy`, '-boot', 'a']
  const exit = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04']
  const { exitCode } = await runProgram('qemu-system-x86_64', [...machine, ...drive, ...exit], {
    timeout: PROBE_LIMIT,
    signal: cancellation.signal,
  })
  cancellation.throwIfRequested()
  return exitCode === EXIT_CODE
}
