import { once } from 'node:events'
import { execa } from 'execa'
import { environment, PROGRAM, type Run } from './cli.ts'

/*
 * A shell of the program that stays open, for tests of commands over one connection, and of
 * several shells at the same time.
 */

/** A shell that runs commands one at a time on a database. */
export interface Session {
  /**
   * Runs a command to its end. Its words must not contain newlines. The exit code of a
   * failure comes from the error of `--json`; without `--json` it is undefined.
   */
  run(args: readonly string[]): Promise<Run>
  /** Closes stdin of the shell, and waits for its end. */
  close(): Promise<void>
}

/** Opens a shell. Its process starts with the first command. */
export function openSession(database: { uri: string }, env: Record<string, string> = {}): Session {
  let shell: ReturnType<typeof start> | undefined
  let turn: Promise<unknown> = Promise.resolve()
  return {
    run(args) {
      const mine = turn.then(() => {
        shell ??= start(database, env)
        return shell.run(args)
      })
      turn = mine.catch(() => {})
      return mine
    },
    async close() {
      await shell?.close()
      shell = undefined
    },
  }
}

function start(database: { uri: string }, env: Record<string, string>) {
  const child = execa(PROGRAM, [], {
    env: environment({ database, env }),
    extendEnv: false,
    reject: false,
    buffer: false,
  })
  let stdout = ''
  let stderr = ''
  let onOutput = () => {}
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
    onOutput()
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
    onOutput()
  })
  let commands = 0
  const ended = once(child.stdout, 'close')

  /** Waits until both outputs match their patterns. */
  async function until(onStdout: RegExp, onStderr: RegExp): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      onOutput = () => onStdout.test(stdout) && onStderr.test(stderr) && resolve()
      ended.then(() => reject(new Error(`the shell ended: ${stdout}${stderr}`)))
      onOutput()
    })
  }

  return {
    async run(args: readonly string[]): Promise<Run> {
      stdout = ''
      stderr = ''
      // The errors of an unknown command mark the end of the output on stdout and stderr.
      const mark = `end-of-command-${++commands}`
      child.stdin.write(`${args.map(quoted).join(' ')}\n${mark} --json\n`)
      const endOfStdout = new RegExp(`\\{\\s*"error": \\{[^}]*${mark}[^}]*\\}\\s*\\}\\n$`)
      const endOfStderr = new RegExp(`^Line \\d+ failed: ${mark} --json\\n$`, 'm')
      await until(endOfStdout, endOfStderr)
      const answer = stdout.replace(endOfStdout, '')
      const notes = stderr.replace(endOfStderr, '')
      const failure = /^Line \d+ failed: .*\n/m
      const code = !failure.test(notes) ? 0 : args.includes('--json') ? JSON.parse(answer).error?.exit : undefined
      return { code, signal: undefined, stdout: answer, stderr: notes.replace(failure, '') }
    },
    async close() {
      child.stdin.end()
      await child
    },
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
