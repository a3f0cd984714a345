import { spawn } from 'node:child_process'

/** How a program is run. */
export interface RunOptions {
  /** What it gets as its descriptors from the third on. */
  descriptors: readonly number[]
  env: Record<string, string>
  /** Milliseconds after which it is killed. */
  timeout: number | undefined
  /** Bytes above which it is killed, of stdout and of stderr. */
  maxOutput: number
  /** Has it killed when it is aborted. */
  signal: AbortSignal
  /** Told of stdout as it comes, in place of keeping it. */
  onOutput: ((text: string) => void) | undefined
}

/** How a program ended. */
export interface Ended {
  stdout: string
  stderr: string
  exitCode: number | undefined
  signal: NodeJS.Signals | undefined
  /** Why it was killed; undefined where it was not, or the signal was aborted. */
  isKilledFor: 'time' | 'output' | undefined
  /** Why it could not be started. */
  error: NodeJS.ErrnoException | undefined
}

/**
 * Runs a program and waits for its end, which is never an error. A library for
 * this takes longer to begin than qemu-img does for all of its work.
 */
export async function runProgram(program: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  const running = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe', ...options.descriptors], env: options.env })
  const texts = { stdout: '', stderr: '' }
  let isKilledFor: Ended['isKilledFor']
  const kill = (why: Ended['isKilledFor']) => {
    isKilledFor ??= why
    running.kill('SIGKILL')
    // Whoever else may have them open is not waited for.
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
