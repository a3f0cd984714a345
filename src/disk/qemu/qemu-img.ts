import { type FileHandle, open } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import type { ImageFile } from '../file/image-file.ts'
import type { Cancellation } from '../watcher.ts'
import { runProgram } from './run-program.ts'

/** What a run of qemu-img may use; each has its own message when it is too little. */
export interface Limits {
  /** The work that has these limits, for people. */
  work: string
  /** Seconds of processor time, of all threads together. */
  cpu: number
  /** Seconds by the clock. */
  wall: number
  /** The way out if it needs more; FILE in it is the file. */
  hint?: string
}

const MIB = 1024 ** 2
/** Bytes of a file that qemu-img reads and decompresses in a second at the least. Measured: 40 to 100 MiB. */
const BYTES_A_SECOND = 4 * MIB
/** Seconds by the clock for each second of processor time: of a slow disk, or on a busy host. */
const PATIENCE = 10
/** Seconds that a timer of Node can wait for: it takes 2^31 milliseconds at most, and more as none at all. */
const LONGEST_WAIT = 2_147_000
const SECTOR = 512

/**
 * The limits of reading a whole disk: they grow with the bytes that the file has on
 * its filesystem, not with the size that it claims. Without this a cluster that is
 * compressed to a few bytes and named a million times would keep a processor for days.
 *
 * @param base seconds of processor time for what takes long though little is stored. Measured:
 *   25 s for each TiB of an empty VHDX and 6 s of an empty VMDK.
 * @param hint the way out, as in `Limits`.
 */
export function wholeDiskLimits(file: ImageFile, work: string, base: number, hint: string): Limits {
  const cpu = base + Math.ceil((Number(file.opened.blocks) * SECTOR) / BYTES_A_SECOND)
  return { work, cpu, wall: Math.min(PATIENCE * cpu, LONGEST_WAIT), hint }
}

/** Bytes of address space. */
const MEMORY = 1024 * MIB
/** validation.md, "The order of things". */
export const INFO_LIMITS: Limits = { work: 'qemu-img', cpu: 2, wall: 10 }
const OPEN_FILES = 64
const OUTPUT_LIMIT = 4 * MIB

/** The name under which qemu-img sees the file: the descriptor that is handed to it. */
export const HANDED_OVER = '/dev/fd/3'
/** The name under which it sees the folder that it may write to. */
export const TARGET_FOLDER = '/dev/fd/4'

/** Exit codes of the shell that runs qemu-img: it is not there, or can't be run. */
const [NOT_FOUND, NOT_RUN] = [127, 126]
const CRASHES: readonly string[] = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGTRAP', 'SIGSYS']

/**
 * Asks qemu-img for its version, under the limits of every other question.
 *
 * @throws VdcError QEMU_IMG_FAILED when it can't be run, or what the cancellation throws.
 */
export async function qemuImgVersion(cancellation: Cancellation): Promise<string> {
  // It is handed a file as always, and does not look at it.
  const handle = await open('/dev/null')
  try {
    const nothing: ImageFile = { path: '/dev/null', handle, size: 0, opened: await handle.stat({ bigint: true }) }
    const { stdout } = await runQemuImg(nothing, ['--version'], INFO_LIMITS, cancellation)
    return /version (\S+)/.exec(stdout)?.[1] ?? (stdout.split('\n', 1)[0] as string)
  } finally {
    await handle.close()
  }
}

/** What some runs of qemu-img need. */
interface RunOptions {
  /** Exit codes that are answers. */
  exits?: readonly number[]
  /** The folder that it writes to, as TARGET_FOLDER. */
  target?: FileHandle
  /** Told of what it prints, as it comes. */
  onOutput?: (text: string) => void
}

/**
 * Runs qemu-img on an open file. The descriptor is handed over, so that no name
 * is ever parsed as a protocol or an option, and what is looked at is what was
 * opened. It runs under limits, dies with us, and sees nothing of our environment.
 *
 * @param args of which HANDED_OVER is the file.
 * @throws VdcError QEMU_IMG_FAILED, FILE_REFUSED, or what the cancellation throws.
 */
export async function runQemuImg(
  file: ImageFile,
  args: readonly string[],
  limits: Limits,
  cancellation: Cancellation,
  { exits = [0], target, onOutput }: RunOptions = {},
): Promise<{ stdout: string; stderr: string; exitCode: number }> {
  cancellation.throwIfRequested()
  const command = ['--pdeathsig', 'KILL', '/bin/sh', '-c', scriptWithin(limits), String(process.pid), ...args]
  const result = await runProgram('setpriv', command, {
    descriptors: [file.handle.fd, ...(target ? [target.fd] : [])],
    // Each thread of its own would set aside 64 MiB of the address space and more, up to the limit on a busy machine.
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', MALLOC_ARENA_MAX: '1' },
    timeout: limits.wall * 1000,
    maxOutput: OUTPUT_LIMIT,
    signal: cancellation.signal,
    onOutput,
  })
  cancellation.throwIfRequested()
  if (result.error?.code === 'ENOENT') throw notInstalled('setpriv', 'util-linux', result)
  if (result.error !== undefined) throw notRun(result.error.message, result.error)
  if (result.exitCode === NOT_FOUND) throw notInstalled('qemu-img', 'qemu-utils', result)
  if (result.exitCode === NOT_RUN) throw notRun(reasonIn(result.stderr, file), result)
  if (result.isKilledFor === 'time') throw exceeded(limits, `${limits.wall} s`)
  if (result.isKilledFor === 'output') throw refused('qemu-img has more to say of it than can be right: over 4 MiB')
  if (result.signal === 'SIGXCPU') throw exceeded(limits, `${limits.cpu} s of processor time`)
  if (/(?:can ?not|could not|failed to|unable to) allocate|out of memory/i.test(result.stderr)) {
    throw exceeded(limits, `${MEMORY / MIB} MiB of memory`)
  }
  if (/too many open files/i.test(result.stderr))
    throw refused(`qemu-img would open more than ${OPEN_FILES} files for it`)
  if (CRASHES.includes(result.signal ?? '')) throw refused(`qemu-img crashes on it (${result.signal})`)
  if (result.signal !== undefined) throw refused(`qemu-img was killed while it looked at it (${result.signal})`)
  if (/Failed to get .*lock|Is another process using the image/i.test(result.stderr))
    throw new VdcError('FILE_REFUSED', IN_USE.why, { hint: IN_USE.hint })
  const { stdout, stderr, exitCode = 0 } = result
  if (!exits.includes(exitCode))
    throw refused(`qemu-img cannot ${args[0] === 'convert' ? 'convert' : 'read'} it: ${reasonIn(stderr, file)}`)
  return { stdout, stderr, exitCode }
}

/**
 * The script of the shell that qemu-img is run by: it sets the limits, and ends
 * where we died before the kernel was told to end it with us, as then nobody would.
 * Its words are all ours; those of qemu-img come as arguments.
 */
function scriptWithin({ cpu }: Limits): string {
  const within = [
    `ulimit -v ${MEMORY / 1024}`,
    `ulimit -n ${OPEN_FILES}`,
    // With the hard limit at the same second, it would be killed without a word of why.
    `ulimit -t ${cpu + 1}`,
    `ulimit -S -t ${cpu}`,
  ]
  // A terminal that is closed tells all of its processes: whether qemu-img ends then is ours to say, as under nohup it must not.
  return ['[ "$PPID" = "$0" ] || exit', 'trap "" HUP', 'ulimit -c 0', ...within, 'exec qemu-img "$@"'].join('; ')
}

/** The refusal of an image that a running machine writes to. */
export const IN_USE = {
  why: 'is in use: a running machine, or another program, has it open to write',
  hint: 'Stop that first, or register a copy',
}

function notInstalled(program: string, pack: string, cause: unknown): VdcError {
  return new VdcError('QEMU_IMG_FAILED', `${program} is not installed`, {
    hint: `Install it: apt-get install ${pack}`,
    cause,
  })
}

function notRun(why: string, cause: unknown): VdcError {
  return new VdcError('QEMU_IMG_FAILED', `qemu-img cannot be run: ${why}`, { cause })
}

/** Refuses a file that a run of qemu-img needs more for than it may have. */
function exceeded({ work, hint }: Limits, limit: string): VdcError {
  return refused(`${work} needs more than ${limit}`, hint)
}

function refused(why: string, hint?: string): VdcError {
  return new VdcError('FILE_REFUSED', `is refused: ${why}`, { hint })
}

/** What qemu-img complained of, without its own name and with the file's. */
export function reasonIn(stderr: string, file: ImageFile): string {
  const line = stderr.split('\n').find((each) => each.trim() !== '') ?? 'it gave no reason'
  return line.replace(/^(?:qemu-img|setpriv|\/bin\/sh: [0-9]+: exec): /, '').replaceAll(HANDED_OVER, () => file.path)
}
