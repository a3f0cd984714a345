import { spawn } from 'node:child_process'
import { VdcError } from '../../core/errors.ts'
import { chunksOf } from '../file/chunks.ts'
import type { ImageFile } from '../file/image-file.ts'
import { FETCH_AGAIN } from '../file/source.ts'
import { boundCommand } from '../qemu/bound-command.ts'
import { type Limits, notInstalled, wholeDiskLimits } from '../qemu/qemu-img.ts'
import type { Watcher } from '../watcher.ts'

const MIB = 1024 ** 2
/** Bytes of address space. */
const MEMORY = 1024 * MIB
/** Bytes that a program may use for what the file asks for: the dictionary of xz, the window of zstd. */
const DICTIONARY = 768 * MIB
const OPEN_FILES = 64
/** Seconds of processor time for any file: a small one can unpack to much. */
const BASE_SECONDS = 3600
/** Characters of error messages that are kept. */
const MOST_ERRORS = 4096
/** Exit codes of the shell if a program is not found, or cannot be run. */
const NOT_FOUND = 127
const NOT_RUN = 126

/** A program that unpacks its stdin to its stdout. */
interface Unpacker {
  args: readonly string[]
  /** The Debian package that it is in. */
  pack: string
}

/** The programs. They get no environment, and so no options from it. */
const UNPACKERS = {
  xz: { args: ['-dc', '--format=xz', `--memlimit-decompress=${DICTIONARY}`], pack: 'xz-utils' },
  bzip2: { args: ['-dc'], pack: 'bzip2' },
  zstd: { args: ['-dcq', `--memory=${DICTIONARY / MIB}MB`], pack: 'zstd' },
} as const satisfies Record<string, Unpacker>

const TRUSTED = 'If you trust the file, unpack it, and convert the disk image inside'

/** What the messages of the programs mean, which are not shown. */
const MEANINGS: readonly [message: RegExp, why: string, hint?: string][] = [
  [
    /memory (?:usage )?limit|too much memory|allocate memory/i,
    `is refused: unpacking it needs more than ${DICTIONARY / MIB} MiB of memory`,
    TRUSTED,
  ],
  [/unexpected end|premature|ends unexpectedly|end of file/i, 'is truncated'],
  [/trailing garbage|not recognized|unsupported format|unknown header/i, 'has other data after its compressed data'],
]

/**
 * Unpacks a file with xz, bzip2 or zstd, which gets nothing but its bytes, may not write to any file, has limits
 * of memory and time, and is killed when this process ends.
 *
 * @param onRead called with the number of packed bytes after each read.
 * @throws VdcError FILE_REFUSED, without the name of the file, if it is damaged, has other data after its end, or
 *   exceeds a limit; QEMU_IMG_FAILED if the program is missing; the error of the cancellation.
 */
export async function* unpackedBy(
  program: keyof typeof UNPACKERS,
  file: ImageFile,
  watcher: Watcher,
  onRead: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const { signal } = watcher.cancellation
  watcher.cancellation.throwIfRequested()
  const { args } = UNPACKERS[program]
  const limits = wholeDiskLimits(file, 'unpacking it', BASE_SECONDS, TRUSTED)
  const [command, ...bound] = boundCommand(scriptOf(program, limits))
  const env = { PATH: process.env.PATH ?? '', LC_ALL: 'C', MALLOC_ARENA_MAX: '1' }
  const running = spawn(command, [...bound, ...args], { stdio: 'pipe', env })
  let errors = ''
  running.stderr.setEncoding('latin1').on('data', (text: string) => {
    errors = (errors + text).slice(0, MOST_ERRORS)
  })
  const ended = new Promise<Ended>((resolve) => {
    running.on('error', (error) => resolve({ error }))
    running.on('close', (code, killed) => resolve({ code, killed }))
  })
  const kill = () => running.kill('SIGKILL')
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    kill()
  }, limits.wall * 1000)
  signal.addEventListener('abort', kill, { once: true })
  try {
    const feeding = feed(running.stdin, file, watcher, onRead)
    feeding.catch(() => {})
    if (running.pid !== undefined) yield* running.stdout
    const result = await ended
    watcher.cancellation.throwIfRequested()
    const failure = failureToRun(program, result) ?? exceeded(limits, isLate, result)
    if (failure !== undefined) throw failure
    await feeding
    const { code } = result
    // bzip2 only warns of data after the last stream.
    if (code !== 0 || errors !== '') throw damaged(program, errors)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', kill)
    kill()
  }
}

/** How a program ended. */
interface Ended {
  code?: number | null
  killed?: NodeJS.Signals | null
  /** Why it was not started. */
  error?: Error
}

/**
 * Writes a file to a program, which may end before it has read all.
 *
 * @throws Error of the file system if the file cannot be read.
 */
async function feed(
  stdin: NodeJS.WritableStream,
  file: ImageFile,
  watcher: Watcher,
  onRead: (bytes: number) => void,
): Promise<void> {
  const { Readable, pipeline } = await import('node:stream')
  return new Promise((resolve, reject) => {
    pipeline(Readable.from(chunksOf(file, watcher, onRead)), stdin, (error) => {
      if (error?.syscall === 'read') reject(error)
      else resolve()
    })
  })
}

function scriptOf(program: string, { cpu }: Limits): string[] {
  const within = [
    `ulimit -v ${MEMORY / 1024}`,
    `ulimit -n ${OPEN_FILES}`,
    'ulimit -f 0',
    // At the hard limit it is killed by SIGKILL, at the soft limit by SIGXCPU, which shows the reason.
    `ulimit -t ${cpu + 1}`,
    `ulimit -S -t ${cpu}`,
  ]
  // As for qemu-img: this process decides whether it ends when the terminal is closed.
  return ['trap "" HUP', 'ulimit -c 0', ...within, `exec ${program} "$@"`]
}

function failureToRun(program: keyof typeof UNPACKERS, { code, error }: Ended): VdcError | undefined {
  if (error !== undefined) return notInstalled('setpriv', 'util-linux', error)
  if (code === NOT_FOUND) return notInstalled(program, UNPACKERS[program].pack, undefined)
  if (code === NOT_RUN) return new VdcError('QEMU_IMG_FAILED', `${program} cannot be run`)
  return undefined
}

function exceeded({ work, cpu, wall, hint }: Limits, isLate: boolean, { killed }: Ended): VdcError | undefined {
  const refused = (why: string) => new VdcError('FILE_REFUSED', `is refused: ${why}`, { hint })
  if (isLate) return refused(`${work} needs more than ${wall} seconds`)
  if (killed === 'SIGXCPU') return refused(`${work} needs more than ${cpu} seconds of processor time`)
  return killed ? refused(`${work} was ended by ${killed}`) : undefined
}

function damaged(program: string, errors: string): VdcError {
  const [, why = `is damaged: ${program} cannot unpack it`, hint = FETCH_AGAIN] =
    MEANINGS.find(([message]) => message.test(errors)) ?? []
  return new VdcError('FILE_REFUSED', why, { hint })
}
