import { execa } from 'execa'
import { environment, PROGRAM, type RunOptions } from '../process/cli.ts'

/** A running `metadata serve`. */
export interface ServeProcess {
  url: string
  pid: number
  /** What it printed to stderr so far. */
  log(): string
  /** Ends it with a signal, and returns its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | undefined>
}

/** Starts `metadata serve` with arguments, on a free port unless they say otherwise, and waits until it listens. */
export async function startServe(args: readonly string[], options: RunOptions = {}): Promise<ServeProcess> {
  const where = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0']
  const child = execa(PROGRAM, ['metadata', 'serve', ...where, ...args], {
    env: environment(options),
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    log += text
  })
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()))
    child.then(({ exitCode }) => reject(new Error(`metadata serve: exit ${exitCode}\n${log}`)))
  })
  return {
    url,
    pid: child.pid as number,
    log: () => log,
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      return (await child).exitCode
    },
  }
}
