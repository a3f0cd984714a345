import { spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { VdcError } from '../../../core/errors.ts'
import { notWritten } from '../../../disk/file/write-error.ts'
import { requireSpace } from '../../../disk/make/reserve.ts'
import type { Cancellation } from '../../../disk/watcher.ts'
import { shown } from '../../tree/guest-path.ts'
import { NEEDS_SPACE } from '../build-folder.ts'
import { insideCommand } from './command.ts'

/** A program to run, and its limits. */
export interface InsideProgram {
  /** The program and its arguments. */
  command: readonly [string, ...string[]]
  env: Readonly<Record<string, string>>
  /** Descriptors that the program gets as 3, 4 and so on. */
  descriptors?: readonly number[]
  /** What it does, for messages: continues `… takes longer than 60 s`. */
  work: string
  /** Seconds. */
  timeout: number
  /** Called with each line of stderr as it arrives. */
  onLine?: (line: string) => void
}

/** What a program printed, and how it ended. */
export interface InsideEnded {
  stdout: string
  /** The last lines of stderr. */
  lastLines: readonly string[]
  exitCode: number
}

/** Characters of stdout above which it is killed. */
const MOST_OUTPUT = 8 << 20
/** Lines of stderr that are kept, and characters of each. */
const [MOST_LINES, LONGEST_LINE] = [200, 1000]
/** Milliseconds between two looks at the free space. */
const LOOK_EVERY = 1000
/** Milliseconds that the namespace may take to end. Removing a tree of files takes a second. */
const GRACE = 60_000

/**
 * Runs a program in namespaces of its own (`insideCommand`) and waits for its end. It is killed with all that it has
 * started when the cancellation is requested, at the time limit, if the filesystem of the folder is nearly full, and if
 * this process is killed.
 *
 * @param folder a folder of this process, which is removed if the program is killed.
 * @throws VdcError BUILD_FAILED if it cannot be started or takes too long, FILE_NOT_WRITTEN if too little space is
 *   left; the error of the cancellation.
 */
export async function runInside(
  folder: string,
  { command, env, descriptors = [], work, timeout, onLine = () => {} }: InsideProgram,
  cancellation: Cancellation,
): Promise<InsideEnded> {
  cancellation.throwIfRequested()
  const [unshare, ...args] = insideCommand(folder, command)
  // In a process group of its own: Ctrl-C on a terminal reaches only this process, which ends the namespace.
  const running = spawn(unshare, args, { stdio: ['pipe', 'pipe', 'pipe', ...descriptors], env, detached: true })
  const [stdin, stdout, stderr] = running.stdio as unknown as [Writable, Readable, Readable]
  let failure: VdcError | undefined
  let graceTimer: NodeJS.Timeout | undefined
  const end = (error?: VdcError) => {
    failure ??= error
    if (graceTimer !== undefined) return
    stdin.destroy()
    graceTimer = setTimeout(() => running.kill('SIGKILL'), GRACE)
  }
  stdin.on('error', () => {})
  let answer = ''
  stdout.setEncoding('latin1').on('data', (text: string) => {
    answer += text
    if (answer.length > MOST_OUTPUT) end(failed(`${work} prints more than ${MOST_OUTPUT} bytes`))
  })
  const lastLines = keepLines(stderr, onLine)
  const timer = setTimeout(() => end(failed(`${work} takes longer than ${timeout} s`, TOO_SLOW)), timeout * 1000)
  const looking = setInterval(
    () => void requireSpace(folder, 0).catch((error) => end(notWritten(folder, error, NEEDS_SPACE))),
    LOOK_EVERY,
  )
  const onAbort = () => end()
  cancellation.signal.addEventListener('abort', onAbort, { once: true })
  if (cancellation.signal.aborted) end()
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      running.once('error', (error) => reject(failed(`unshare cannot be run: ${error.message}`, undefined, error)))
      running.once('close', (code) => resolve(code ?? SIGKILLED))
    })
    cancellation.throwIfRequested()
    if (failure !== undefined) throw failure
    return { stdout: answer, lastLines, exitCode }
  } finally {
    clearTimeout(timer)
    clearTimeout(graceTimer)
    clearInterval(looking)
    cancellation.signal.removeEventListener('abort', onAbort)
  }
}

const TOO_SLOW = 'Allow more time with --timeout'
/** Exit code of a shell for a program that was killed. */
const SIGKILLED = 137

/** Collects the last lines of a stream, for people. They are untrusted, and cut short. */
function keepLines(stream: Readable, onLine: (line: string) => void): string[] {
  const lines: string[] = []
  let rest = ''
  stream.setEncoding('latin1').on('data', (text: string) => {
    const parts = (rest + text).split(/[\n\r]+/)
    rest = (parts.pop() ?? '').slice(-LONGEST_LINE)
    for (const part of parts) keep(part)
  })
  stream.on('end', () => keep(rest))
  const keep = (text: string) => {
    const line = shown(text.slice(0, LONGEST_LINE).trim())
    if (line === '') return
    lines.push(line)
    if (lines.length > MOST_LINES) lines.shift()
    onLine(line)
  }
  return lines
}

/** Returns the error for a program that cannot be run, or failed. */
export function failed(why: string, hint?: string, cause?: unknown): VdcError {
  return new VdcError('BUILD_FAILED', why, { hint, cause })
}
