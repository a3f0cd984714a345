import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { inject } from 'vitest'
import { environment, PROGRAM } from './cli.ts'

/** Milliseconds to wait for text on the screen. */
const PATIENCE = 60_000

/** A terminal that runs the program, in its own tmux server. */
export interface Terminal {
  /** Types text literally. */
  type(text: string): Promise<void>
  /** Presses keys, named as in tmux: Enter, Tab, Up, C-c. Sends them one by one, because Node takes keys sent together as pasted. */
  press(...keys: string[]): Promise<void>
  /** Returns the text of the screen and its scrollback, without trailing spaces. */
  screen(): Promise<string>
  /** Waits until the screen matches, at most `patience` milliseconds. Returns its text. */
  until(shown: RegExp, patience?: number): Promise<string>
  /** Waits until the cursor is at the end of this line, including trailing spaces, at most `patience` milliseconds. */
  untilLine(line: string, patience?: number): Promise<void>
  /** Sets the width of the terminal in columns. */
  resize(width: number): Promise<void>
  /** Clears the screen and its scrollback. */
  clear(): Promise<void>
  /** Returns the process ID of the program. */
  pid(): Promise<number>
  /** Waits for the program to end, at most `patience` milliseconds. Returns its exit code. */
  exitCode(patience?: number): Promise<number>
  /** Ends the terminal and everything that runs in it. */
  close(): Promise<void>
}

/** Settings of a terminal. */
export interface TerminalOptions {
  database: { uri: string }
  /** The home folder, which contains the history. */
  home: string
  cwd?: string
  env?: Record<string, string>
  /** Columns. Default: 120. */
  width?: number
}

/**
 * Runs a line of sh in a terminal, with the program on the PATH as `vdc-manage`. The terminal
 * then shows its exit code.
 */
export async function startTerminal(line: string, options: TerminalOptions): Promise<Terminal> {
  const folder = mkdtempSync(join(inject('folder'), 'tmux-'))
  symlinkSync(PROGRAM, join(folder, 'vdc-manage'))
  const env = environment({ database: options.database, env: { HOME: options.home, ...options.env } })
  const TMUX = ['-u', '-L', 'test', '-f', '/dev/null']
  const inTmux = {
    env: { ...env, PATH: `${folder}:${env.PATH}`, LC_ALL: 'C.UTF-8', TMUX_TMPDIR: folder, TERM: 'xterm' },
    cwd: options.cwd ?? folder,
  }
  // tmux sets TERM in its terminals, so another value must be set inside.
  const term = options.env?.TERM === undefined ? '' : `TERM=${options.env.TERM} `
  // Ctrl-C reaches this shell too.
  const inPane = `trap : INT; ${term}sh -c '${line}'; echo "exit code $?"; exec sleep 600`
  const size = ['-x', String(options.width ?? 120), '-y', '40']
  await execa('tmux', [...TMUX, 'new-session', '-d', ...size, inPane], { ...inTmux, extendEnv: false })
  const tmux = controlMode([...TMUX, '-C', 'attach', '-f', 'no-output,ignore-size'], inTmux)

  const screen = async () => (await tmux('capture-pane', '-p', '-J', '-S', '-')).replace(/[ \n]+$/gm, '')
  const untilTrue = async (isThere: () => Promise<boolean>, what: string, patience = PATIENCE) => {
    const deadline = Date.now() + patience
    for (; !(await isThere()); await sleep(20))
      if (Date.now() > deadline) throw new Error(`The terminal does not show ${what}:\n${await screen()}`)
  }
  const terminal: Terminal = {
    async type(text) {
      await tmux('send-keys', '-l', '--', text)
    },
    async press(...keys) {
      for (const key of keys) await tmux('send-keys', key)
    },
    screen,
    async until(shown, patience) {
      let text = ''
      await untilTrue(
        async () => {
          text = await screen()
          return shown.test(text)
        },
        String(shown),
        patience,
      )
      return text
    },
    async untilLine(line, patience) {
      await untilTrue(
        async () => {
          // Sent together, so that nothing is printed in between.
          const [cursor, shown] = await Promise.all([
            tmux('display-message', '-p', '#{cursor_x} #{cursor_y}'),
            tmux('capture-pane', '-p'),
          ])
          const [x, y] = cursor.split(' ').map(Number) as [number, number]
          return x === line.length && (shown.split('\n')[y] ?? '').trimEnd() === line.trimEnd()
        },
        `the line '${line}'`,
        patience,
      )
    },
    async resize(width) {
      await tmux('resize-window', '-x', String(width))
    },
    async clear() {
      await tmux('send-keys', '-R')
      await tmux('clear-history')
    },
    async pid() {
      // Between the pane's shell and the program there may be another shell, and qemu-img below it.
      let pid = Number(await tmux('display-message', '-p', '#{pane_pid}'))
      while (basename(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0] as string) !== 'node')
        pid = Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'), 10)
      return pid
    },
    async exitCode(patience) {
      const text = await terminal.until(/^exit code \d+$/m, patience)
      return Number(/^exit code (\d+)$/m.exec(text)?.[1])
    },
    async close() {
      await execa('tmux', [...TMUX, 'kill-server'], { ...inTmux, extendEnv: false })
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return terminal
}

/**
 * Starts a tmux client that stays attached, so that commands start no process.
 *
 * @returns a function that runs a tmux command and returns its output. It throws an Error if the command fails.
 */
function controlMode(args: string[], options: { env: Record<string, string>; cwd: string }) {
  const client = spawn('tmux', args, { ...options, stdio: ['pipe', 'pipe', 'ignore'] })
  const waiting: { resolve(output: string): void; reject(error: Error): void }[] = []
  const answer = () => new Promise<string>((resolve, reject) => waiting.push({ resolve, reject }))
  // tmux answers the attach command too.
  const attached = answer()
  let block: { tag: string; lines: string[] } | undefined
  createInterface({ input: client.stdout }).on('line', (line) => {
    const [, what, tag = ''] = /^%(begin|end|error) (\d+ \d+) \d+$/.exec(line) ?? []
    if (block === undefined) block = what === 'begin' ? { tag, lines: [] } : undefined
    else if (tag !== block.tag) block.lines.push(line)
    else {
      const output = block.lines.join('\n')
      block = undefined
      if (what === 'end') waiting.shift()?.resolve(output)
      else waiting.shift()?.reject(new Error(`tmux: ${output}`))
    }
  })
  let isOver = false
  client.stdin.on('error', () => {})
  client.once('close', () => {
    isOver = true
    for (const { reject } of waiting.splice(0)) reject(new Error('tmux has ended'))
  })
  return async (...words: string[]): Promise<string> => {
    await attached
    if (isOver) throw new Error('tmux has ended')
    client.stdin.write(`${words.map(quoted).join(' ')}\n`)
    return answer()
  }
}

/** Quotes a word of a tmux command line. */
function quoted(word: string): string {
  const octal = (character: string) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`
  return `"${word.replaceAll(/[\p{Cc}"$\\~]/gu, octal)}"`
}
