import { type FileHandle, open } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import type { ImageFile } from '../file/image-file.ts'
import type { Cancellation } from '../watcher.ts'
import { boundCommand } from './bound-command.ts'
import { type Ended, runProgram } from './run-program.ts'

/** Limits of a run of qemu-img. */
export interface Limits {
  /** The limited work, for messages. */
  work: string
  /** Seconds of processor time of all threads together. */
  cpu: number
  /** Seconds of elapsed time. */
  wall: number
  /** The hint if the work needs more. FILE in it stands for the file. */
  hint?: string
}

const MIB = 1024 ** 2
/** Bytes of a file that qemu-img must read and decompress per second. Measured: 40 to 100 MiB. */
const BYTES_PER_SECOND = 4 * MIB
/** Seconds of elapsed time per second of processor time, for slow disks and busy hosts. */
const PATIENCE = 10
/** Seconds of the longest timer of Node: 2^31 milliseconds. Longer ones fire at once. */
const LONGEST_WAIT = 2_147_000
const SECTOR = 512

/**
 * Returns the limits for reading a whole disk. They grow with the bytes that the file uses on
 * its filesystem, not with the size that it claims. Otherwise a cluster compressed to a few bytes
 * and referenced a million times could keep a processor busy for days.
 *
 * @param base seconds of processor time for images that take long although they store little.
 *   Measured: 25 s per TiB of an empty VHDX, and 6 s per TiB of an empty VMDK.
 * @param hint as in `Limits`.
 */
export function wholeDiskLimits(file: ImageFile, work: string, base: number, hint: string): Limits {
  const cpu = base + Math.ceil((Number(file.opened.blocks) * SECTOR) / BYTES_PER_SECOND)
  return { work, cpu, wall: Math.min(PATIENCE * cpu, LONGEST_WAIT), hint }
}

/** Bytes of address space. */
const MEMORY = 1024 * MIB
/** Limits of `qemu-img info` (validation.md, "The order of things"). */
export const INFO_LIMITS: Limits = { work: 'qemu-img', cpu: 2, wall: 10 }
const OPEN_FILES = 64
const OUTPUT_LIMIT = 4 * MIB

/** The path of the file for qemu-img: the descriptor that it is given. */
export const HANDED_OVER = '/dev/fd/3'
/** The path of the target folder for qemu-img. */
export const TARGET_FOLDER = '/dev/fd/4'

/** Exit code of the shell if qemu-img is not found. */
const NOT_FOUND = 127
/** Exit code of the shell if qemu-img cannot be run. */
const NOT_RUN = 126
const CRASHES: readonly string[] = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGTRAP', 'SIGSYS']

/**
 * Returns the version of qemu-img.
 *
 * @throws VdcError QEMU_IMG_FAILED if it cannot be run; the error of the cancellation.
 */
export async function qemuImgVersion(cancellation: Cancellation): Promise<string> {
  // `runQemuImg` needs a file, which qemu-img ignores here.
  const handle = await open('/dev/null')
  try {
    const nothing: ImageFile = { path: '/dev/null', handle, size: 0, opened: await handle.stat({ bigint: true }) }
    const { stdout } = await runQemuImg(nothing, ['--version'], INFO_LIMITS, cancellation)
    return /version (\S+)/.exec(stdout)?.[1] ?? (stdout.split('\n', 1)[0] as string)
  } finally {
    await handle.close()
  }
}

/** Options for a run of qemu-img. */
interface RunOptions {
  /** Exit codes that mean success. Default: 0. */
  exits?: readonly number[]
  /** The folder that it writes to, as TARGET_FOLDER. */
  target?: FileHandle
  /** Called with its output as it arrives, instead of collecting it. */
  onOutput?: (text: string) => void
}

/**
 * Runs qemu-img on an open file. The file is passed as a descriptor, so that its name cannot
 * be parsed as a protocol or an option, and qemu-img reads the file that was opened. It runs
 * under limits, is killed when this process ends, and gets only PATH of its environment.
 *
 * @param args arguments; HANDED_OVER stands for the file.
 * @throws VdcError QEMU_IMG_FAILED; FILE_REFUSED, without the file's name; the error of the
 *   cancellation.
 */
export async function runQemuImg(
  file: ImageFile,
  args: readonly string[],
  limits: Limits,
  cancellation: Cancellation,
  { exits = [0], target, onOutput }: RunOptions = {},
): Promise<{ stdout: string; stderr: string; exitCode: number }> {
  cancellation.throwIfRequested()
  const [program, ...bound] = boundCommand(scriptWithin(limits))
  const result = await runProgram(program, [...bound, ...args], {
    descriptors: [file.handle.fd, ...(target ? [target.fd] : [])],
    // By default, each thread reserves at least 64 MiB of address space, which could exceed the limit on a busy host.
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', MALLOC_ARENA_MAX: '1' },
    timeout: limits.wall * 1000,
    maxOutput: OUTPUT_LIMIT,
    signal: cancellation.signal,
    onOutput,
  })
  cancellation.throwIfRequested()
  const failure = failureToRun(result, file) ?? failureOnFile(result, limits)
  if (failure !== undefined) throw failure
  const { stdout, stderr, exitCode = 0 } = result
  if (!exits.includes(exitCode))
    throw refused(`qemu-img cannot ${args[0] === 'convert' ? 'convert' : 'read'} it: ${reasonIn(stderr, file)}`)
  return { stdout, stderr, exitCode }
}

/** Returns the error if qemu-img could not be started. */
function failureToRun(result: Ended, file: ImageFile): VdcError | undefined {
  if (result.error?.code === 'ENOENT') return notInstalled('setpriv', 'util-linux', result)
  if (result.error !== undefined) return notRun(result.error.message, result.error)
  if (result.exitCode === NOT_FOUND) return notInstalled('qemu-img', 'qemu-utils', result)
  if (result.exitCode === NOT_RUN) return notRun(reasonIn(result.stderr, file), result)
  return undefined
}

/** Returns the refusal of a file for which qemu-img exceeded a limit or was killed, or that is in use. */
function failureOnFile({ isKilledFor, signal, stderr }: Ended, limits: Limits): VdcError | undefined {
  if (isKilledFor === 'time') return exceeded(limits, `${limits.wall} s`)
  if (isKilledFor === 'output') return refused(`qemu-img prints more than ${OUTPUT_LIMIT / MIB} MiB about it`)
  if (signal === 'SIGXCPU') return exceeded(limits, `${limits.cpu} s of processor time`)
  if (/(?:can ?not|could not|failed to|unable to) allocate|out of memory/i.test(stderr))
    return exceeded(limits, `${MEMORY / MIB} MiB of memory`)
  if (/too many open files/i.test(stderr)) return refused(`qemu-img would open more than ${OPEN_FILES} files for it`)
  if (CRASHES.includes(signal ?? '')) return refused(`qemu-img crashes on it (${signal})`)
  if (signal !== undefined) return refused(`qemu-img was killed while processing it (${signal})`)
  if (/Failed to get .*lock|Is another process using the image/i.test(stderr))
    return new VdcError('FILE_REFUSED', IN_USE.why, { hint: IN_USE.hint })
  return undefined
}

/**
 * Returns the shell script that runs qemu-img. It sets the limits, and exits if this process
 * died before setpriv asked the kernel for a signal on its death. The script contains no
 * input; qemu-img's arguments are passed as arguments.
 */
function scriptWithin({ cpu }: Limits): string[] {
  const within = [
    `ulimit -v ${MEMORY / 1024}`,
    `ulimit -n ${OPEN_FILES}`,
    // At the hard limit it is killed by SIGKILL, at the soft limit by SIGXCPU, which shows the reason.
    `ulimit -t ${cpu + 1}`,
    `ulimit -S -t ${cpu}`,
  ]
  // Closing a terminal sends SIGHUP to all of its processes. This process decides whether qemu-img ends: under nohup it must not.
  return ['trap "" HUP', 'ulimit -c 0', ...within, 'exec qemu-img "$@"']
}

/** The refusal of an image that another process has open for writing. */
export const IN_USE = {
  why: 'is in use: a running instance or another program has it open for writing',
  hint: 'Stop that program first, or register a copy',
}

/** Returns the error for a program that is missing. */
export function notInstalled(program: string, pack: string, cause: unknown): VdcError {
  return new VdcError('QEMU_IMG_FAILED', `${program} is not installed`, {
    hint: `Install it with: apt-get install ${pack}`,
    cause,
  })
}

function notRun(why: string, cause: unknown): VdcError {
  return new VdcError('QEMU_IMG_FAILED', `qemu-img cannot be run: ${why}`, { cause })
}

/** Returns the refusal of a file for which qemu-img exceeded a limit. */
function exceeded({ work, hint }: Limits, limit: string): VdcError {
  return refused(`${work} needs more than ${limit}`, hint)
}

function refused(why: string, hint?: string): VdcError {
  return new VdcError('FILE_REFUSED', `is refused: ${why}`, { hint })
}

/** Returns the first error message of qemu-img, without the program's name and with the file's path. */
export function reasonIn(stderr: string, file: ImageFile): string {
  const line = stderr.split('\n').find((each) => each.trim() !== '') ?? 'it gave no reason'
  return line.replace(/^(?:qemu-img|setpriv|\/bin\/sh: [0-9]+: exec): /, '').replaceAll(HANDED_OVER, () => file.path)
}
