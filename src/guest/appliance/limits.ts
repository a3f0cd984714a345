import { VdcError } from '../../core/errors.ts'
import { boundCommand } from '../../disk/qemu/bound-command.ts'
import { runProgram } from '../../disk/qemu/run-program.ts'

const [KIB, MIB, GIB] = [2 ** 10, 2 ** 20, 2 ** 30]
/** MiB of memory of the virtual machine. */
export const MEMORY = 768
/** Bytes of address space of QEMU, which reserves up to 1 GiB for translated code beside the machine's memory. */
const ADDRESS_SPACE = 4 * GIB
/** Bytes of the largest file: the overlay of a disk. The appliance is built as a sparse file of 4 GiB. */
const LARGEST_FILE = 5 * GIB
/** Bytes that guestfish writes to one file. The virtual machine may send more than it was asked for. */
const LARGEST_DOWNLOAD = 64 * MIB
/** Seconds that a virtual machine may run, unless VDC_MANAGE_GUEST_TIMEOUT is set. */
const RUN_LIMIT = 900
/** Seconds that it may take to start; emulated on a busy host it takes more than a minute. */
const START_LIMIT = 300

/** Seconds that a virtual machine may take to start, and may run in all. */
export interface TimeLimits {
  start: number
  run: number
}

/**
 * Returns the limits on the time of a virtual machine.
 *
 * @throws VdcError VALUE_REFUSED if VDC_MANAGE_GUEST_TIMEOUT is not a number of seconds.
 */
export function timeLimits({ VDC_MANAGE_GUEST_TIMEOUT: given }: NodeJS.ProcessEnv): TimeLimits {
  if (given !== undefined && !/^[1-9]\d{0,4}$/.test(given)) {
    throw new VdcError('VALUE_REFUSED', `VDC_MANAGE_GUEST_TIMEOUT '${given}' is not a number of seconds`, {
      hint: `Set it to 1 to 99999, or unset it for ${RUN_LIMIT}`,
    })
  }
  const run = Number(given ?? RUN_LIMIT)
  return { start: Math.min(run, START_LIMIT), run }
}

/**
 * Returns the command that runs guestfish within limits of memory and disk space. It ends with this process.
 *
 * @param isWritable whether the virtual machine writes to a disk, which may be larger than the largest file.
 */
export function guestfishCommand(isWritable: boolean): [program: string, ...args: string[]] {
  return boundCommand([
    // A file that would become too large is an error.
    'trap "" XFSZ',
    'ulimit -c 0',
    `ulimit -v ${ADDRESS_SPACE / KIB}`,
    ...(isWritable ? [] : [`ulimit -f ${LARGEST_FILE / 512}`]),
    'exec guestfish --no-progress-bars',
  ])
}

/**
 * Limits what a running guestfish writes to one file, but not its virtual machine.
 *
 * @throws VdcError APPLIANCE_FAILED if that fails.
 */
export async function limitDownloads(pid: number, signal: AbortSignal): Promise<void> {
  const { exitCode, stderr } = await runProgram('prlimit', [`--pid=${pid}`, `--fsize=${LARGEST_DOWNLOAD}`], {
    signal,
  })
  if (exitCode === 0 || signal.aborted) return
  throw new VdcError('APPLIANCE_FAILED', `The disk space of libguestfs cannot be limited: ${stderr.trim()}`, {
    hint: 'Check that it runs: prlimit --version',
  })
}
