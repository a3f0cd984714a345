import { type FileHandle, open } from 'node:fs/promises'
import * as z from 'zod/mini'
import { VdcError } from '../errors.ts'
import type { ImageFile } from './image-file.ts'
import { runProgram } from './run-program.ts'
import type { Cancellation } from './watcher.ts'

/** What a run of qemu-img may use; each has its own message when it is too little. */
interface Limits {
  /** Seconds of processor time. */
  cpu: number
  /** Seconds by the clock; a good image takes a hundredth of one. */
  wall: number
  /** Bytes of address space. */
  memory: number
}

const GIB = 1024 ** 3
const MIB = 1024 ** 2
/** validation.md, "The order of things". */
const INFO_LIMITS: Limits = { cpu: 2, wall: 10, memory: GIB }
const OPEN_FILES = 64
const OUTPUT_LIMIT = 4 * MIB

/** The name under which qemu-img sees the file: the descriptor that is handed to it. */
export const HANDED_OVER = '/dev/fd/3'
/** The name under which it sees the folder that it may write to. */
export const TARGET_FOLDER = '/dev/fd/4'

/** Exit codes of the shell that runs qemu-img: it is not there, or can't be run. */
const [NOT_FOUND, NOT_RUN] = [127, 126]
const CRASHES: readonly string[] = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGTRAP', 'SIGSYS']

/** The keys of `qemu-img info --output=json` that are used; others, and those of later versions, are ignored. */
const imageInfo = z.object({
  format: z.string(),
  'virtual-size': z.number(),
  encrypted: z.optional(z.boolean()),
  'backing-filename': z.optional(z.string()),
  'full-backing-filename': z.optional(z.string()),
  'format-specific': z.optional(
    z.object({
      data: z.optional(
        z.object({
          corrupt: z.optional(z.boolean()),
          'data-file': z.optional(z.string()),
          extents: z.optional(z.array(z.object({ filename: z.optional(z.string()) }))),
        }),
      ),
    }),
  ),
})

/** What qemu-img says of an image. */
export type QemuImageInfo = z.output<typeof imageInfo>

/** The keys of `qemu-img check --output=json` that are used. */
const checkResult = z.object({
  corruptions: z.optional(z.number()),
  leaks: z.optional(z.number()),
  'check-errors': z.optional(z.number()),
})

/** What qemu-img finds wrong with an image. */
export interface QemuCheck {
  /** Tables that contradict each other, or point nowhere. */
  corruptions: number
  /** Clusters that nothing uses: space, and no harm. */
  leaks: number
}

/** Bytes of a disk above which a VMDK isn't checked: it goes through all of it, a grain at a time, and finds no more than our own look. */
const LARGEST_VMDK = 1024 * GIB
/** Formats that `qemu-img check` knows. */
const CHECKED: readonly string[] = ['qcow2', 'qed', 'vdi', 'vmdk', 'vhdx', 'parallels']

/**
 * Asks `qemu-img info` what an open file is.
 *
 * @param format that it is taken for: qemu-img never guesses.
 * @throws VdcError QEMU_IMG_FAILED when it can't be run; FILE_REFUSED, without
 *   the file's name, when it can't make sense of the file within its limits.
 */
export async function qemuImageInfo(
  file: ImageFile,
  format: string,
  cancellation: Cancellation,
): Promise<QemuImageInfo> {
  const { stdout } = await runQemuImg(
    file,
    ['info', '--output=json', '-f', format, HANDED_OVER],
    INFO_LIMITS,
    cancellation,
  )
  const info = imageInfo.safeParse(parseJson(stdout))
  if (!info.success)
    throw new VdcError('QEMU_IMG_FAILED', 'qemu-img gave an answer without format and virtual size', {
      cause: info.error,
    })
  return info.data
}

/**
 * Has `qemu-img check` look whether an image is whole. It opens what the image
 * refers to, so that must be ruled out before.
 *
 * @param virtualSize bytes of the disk.
 * @returns undefined for a format that it can't check.
 * @throws VdcError as `qemuImageInfo`; FILE_REFUSED also when it can't finish.
 */
export async function qemuImageCheck(
  file: ImageFile,
  format: string,
  virtualSize: number,
  cancellation: Cancellation,
): Promise<QemuCheck | undefined> {
  if (!CHECKED.includes(format) || (format === 'vmdk' && virtualSize > LARGEST_VMDK)) return undefined
  // What it reads is tables, which are at most what the file has on disk; measured: 0.1 s for each MiB of them at most.
  const stored = Number(file.opened.blocks) * 512
  const cpu = 2 + Math.ceil(stored / (4 * MIB)) + (format === 'vmdk' ? Math.ceil(virtualSize / (256 * GIB)) : 0)
  const limits = { cpu, wall: 10 + 2 * cpu, memory: GIB }
  const args = ['check', '--output=json', '-f', format, HANDED_OVER]
  // 2 and 3: corruptions, leaks.
  const { stdout, stderr } = await runQemuImg(file, args, limits, cancellation, { exits: [0, 2, 3] })
  const result = checkResult.safeParse(parseJson(stdout))
  if (!result.success)
    throw new VdcError('QEMU_IMG_FAILED', 'qemu-img gave an answer that tells nothing of its check', {
      cause: result.error,
    })
  const { corruptions = 0, leaks = 0, 'check-errors': errors = 0 } = result.data
  if (errors > 0) throw refused(`qemu-img can not check it: ${reasonIn(stderr, file)}`)
  return { corruptions, leaks }
}

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
  limits: Limits | undefined,
  cancellation: Cancellation,
  { exits = [0], target, onOutput }: RunOptions = {},
): Promise<{ stdout: string; stderr: string }> {
  cancellation.throwIfRequested()
  const command = ['--pdeathsig', 'KILL', '/bin/sh', '-c', scriptWithin(limits), String(process.pid), ...args]
  const result = await runProgram('setpriv', command, {
    descriptors: [file.handle.fd, ...(target ? [target.fd] : [])],
    // Each thread of its own would set aside 64 MiB of the address space and more, up to the limit on a busy machine.
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', MALLOC_ARENA_MAX: '1' },
    timeout: limits && limits.wall * 1000,
    maxOutput: OUTPUT_LIMIT,
    signal: cancellation.signal,
    onOutput,
  })
  cancellation.throwIfRequested()
  if (result.error?.code === 'ENOENT') throw notInstalled('setpriv', 'util-linux', result)
  if (result.error !== undefined) throw notRun(result.error.message, result.error)
  if (result.exitCode === NOT_FOUND) throw notInstalled('qemu-img', 'qemu-utils', result)
  if (result.exitCode === NOT_RUN) throw notRun(reasonIn(result.stderr, file), result)
  if (result.isKilledFor === 'time' && limits) throw refused(`qemu-img did not understand it within ${limits.wall} s`)
  if (result.isKilledFor === 'output') throw refused('qemu-img has more to say of it than can be right: over 4 MiB')
  if (result.signal === 'SIGXCPU' && limits)
    throw refused(`qemu-img needs more than ${limits.cpu} s of processor time for it`)
  if (/(?:can ?not|could not|failed to|unable to) allocate|out of memory/i.test(result.stderr) && limits) {
    throw refused(`qemu-img needs more than ${Math.round(limits.memory / MIB)} MiB of memory for it`)
  }
  if (/too many open files/i.test(result.stderr))
    throw refused(`qemu-img would open more than ${OPEN_FILES} files for it`)
  if (CRASHES.includes(result.signal ?? '')) throw refused(`qemu-img crashes on it (${result.signal})`)
  if (result.signal !== undefined) throw refused(`qemu-img was killed while it looked at it (${result.signal})`)
  if (/Failed to get .*lock|Is another process using the image/i.test(result.stderr))
    throw new VdcError('FILE_REFUSED', IN_USE.why, { hint: IN_USE.hint })
  if (!exits.includes(result.exitCode ?? 0))
    throw refused(`qemu-img can not ${args[0] === 'convert' ? 'convert' : 'read'} it: ${reasonIn(result.stderr, file)}`)
  return { stdout: result.stdout, stderr: result.stderr }
}

/**
 * The script of the shell that qemu-img is run by: it sets the limits, and ends
 * where we died before the kernel was told to end it with us, as then nobody would.
 * Its words are all ours; those of qemu-img come as arguments.
 */
function scriptWithin(limits: Limits | undefined): string {
  const within = limits && [
    `ulimit -v ${Math.floor(limits.memory / 1024)}`,
    `ulimit -n ${OPEN_FILES}`,
    // With the hard limit at the same second, it would be killed without a word of why.
    `ulimit -t ${limits.cpu + 1}`,
    `ulimit -S -t ${limits.cpu}`,
  ]
  // A terminal that is closed tells all of its processes: whether qemu-img ends then is ours to say, as under nohup it must not.
  return ['[ "$PPID" = "$0" ] || exit', 'trap "" HUP', 'ulimit -c 0', ...(within ?? []), 'exec qemu-img "$@"'].join(
    '; ',
  )
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
  return new VdcError('QEMU_IMG_FAILED', `qemu-img can not be run: ${why}`, { cause })
}

function refused(why: string): VdcError {
  return new VdcError('FILE_REFUSED', `is refused: ${why}`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new VdcError('QEMU_IMG_FAILED', 'qemu-img gave an answer that is no JSON', { cause: error })
  }
}

/** What qemu-img complained of, without its own name and with the file's. */
function reasonIn(stderr: string, file: ImageFile): string {
  const line = stderr.split('\n').find((each) => each.trim() !== '') ?? 'it gave no reason'
  return line.replace(/^(?:qemu-img|setpriv|\/bin\/sh: [0-9]+: exec): /, '').replaceAll(HANDED_OVER, () => file.path)
}
