import { spawn } from 'node:child_process'

const MOST_OUTPUT = 65_536

/** Options for running a program. */
export interface RunOptions {
  /** Descriptors that the program gets as 3, 4 and so on. Default: none. */
  descriptors?: readonly number[]
  /** Its environment. Default: this process's PATH, and the locale C. */
  env?: Record<string, string>
  /** Milliseconds after which it is killed. Default: never. */
  timeout?: number | undefined
  /** Characters of stdout or of stderr above which it is killed. Default: 65536. */
  maxOutput?: number
  /** Kills it when aborted. */
  signal: AbortSignal
  /** Called with stdout as it arrives, instead of collecting it. */
  onOutput?: ((text: string) => void) | undefined
}

/** The result of running a program. */
export interface Ended {
  stdout: string
  stderr: string
  exitCode: number | undefined
  signal: NodeJS.Signals | undefined
  /** The limit for which it was killed; undefined if it was not killed, or the signal was aborted. */
  isKilledFor: 'time' | 'output' | undefined
  /** The reason why it could not be started. */
  error: NodeJS.ErrnoException | undefined
}

/**
 * Runs a program and waits until it ends. A failure is part of the result, not an error. Loading a
 * library for this would take longer than a run of qemu-img.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { descriptors = [], env = plainEnvironment(), timeout, maxOutput = MOST_OUTPUT, signal, onOutput }: RunOptions,
): Promise<Ended> {
  const running = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe', ...descriptors], env })
  const texts = { stdout: '', stderr: '' }
  let isKilledFor: Ended['isKilledFor']
  const kill = (why: Ended['isKilledFor']) => {
    isKilledFor ??= why
    running.kill('SIGKILL')
    // Don't wait for other processes that may have the pipes open.
    running.stdout?.destroy()
    running.stderr?.destroy()
  }
  for (const name of ['stdout', 'stderr'] as const) {
    running[name]?.setEncoding('utf8').on('data', (text: string) => {
      if (name === 'stdout' && onOutput) return onOutput(text)
      texts[name] += text
      if (texts[name].length > maxOutput) kill('output')
    })
  }
  const timer = timeout === undefined ? undefined : setTimeout(() => kill('time'), timeout)
  const onAbort = () => kill(undefined)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await new Promise<Ended>((resolve) => {
      const end = (more: Partial<Ended>) =>
        resolve({ ...texts, isKilledFor, exitCode: undefined, signal: undefined, error: undefined, ...more })
      running.on('error', (error) => {
        if (running.pid === undefined) end({ error })
      })
      running.on('close', (code, killed) => end({ exitCode: code ?? undefined, signal: killed ?? undefined }))
    })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

function plainEnvironment(): Record<string, string> {
  return { PATH: process.env.PATH ?? '', LC_ALL: 'C' }
}
