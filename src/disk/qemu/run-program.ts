import { spawn } from 'node:child_process'

/** Options for running a program. */
export interface RunOptions {
  /** Descriptors that the program gets as 3, 4 and so on. */
  descriptors: readonly number[]
  env: Record<string, string>
  /** Milliseconds after which it is killed. */
  timeout: number | undefined
  /** Characters of stdout or of stderr above which it is killed. */
  maxOutput: number
  /** Kills it when aborted. */
  signal: AbortSignal
  /** Called with stdout as it arrives, instead of collecting it. */
  onOutput: ((text: string) => void) | undefined
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
export async function runProgram(program: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  const running = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe', ...options.descriptors], env: options.env })
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
      if (name === 'stdout' && options.onOutput) return options.onOutput(text)
      texts[name] += text
      if (texts[name].length > options.maxOutput) kill('output')
    })
  }
  const timer = options.timeout === undefined ? undefined : setTimeout(() => kill('time'), options.timeout)
  const onAbort = () => kill(undefined)
  options.signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await new Promise<Ended>((resolve) => {
      const end = (more: Partial<Ended>) =>
        resolve({ ...texts, isKilledFor, exitCode: undefined, signal: undefined, error: undefined, ...more })
      running.on('error', (error) => {
        if (running.pid === undefined) end({ error })
      })
      running.on('close', (code, signal) => end({ exitCode: code ?? undefined, signal: signal ?? undefined }))
    })
  } finally {
    clearTimeout(timer)
    options.signal.removeEventListener('abort', onAbort)
  }
}
