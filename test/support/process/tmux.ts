import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { inject } from 'vitest'
import { environment, PROGRAM } from './cli.ts'

/** Milliseconds that something may take to appear on the screen. */
const PATIENCE = 60_000

/** A real terminal, of a tmux server of its own, in which the program runs. */
export interface Terminal {
  /** Types text, as it stands. */
  type(text: string): Promise<void>
  /** Presses keys by tmux's names: Enter, Tab, Up, C-c. Each comes alone, as Node takes what comes together for pasted. */
  press(...keys: string[]): Promise<void>
  /** What it shows, scrolled-off lines included; without blanks at the ends of lines. */
  screen(): Promise<string>
  /** Waits until the screen holds what is asked for, some milliseconds at most, and returns it. */
  until(shown: RegExp, patience?: number): Promise<string>
  /** Waits until the line with the cursor is this, its last blanks included, some milliseconds at most. */
  untilLine(line: string, patience?: number): Promise<void>
  /** Makes the terminal so many columns wide. */
  resize(width: number): Promise<void>
  /** Forgets what was shown so far. */
  clear(): Promise<void>
  /** The process id of the program. */
  pid(): Promise<number>
  /** The exit code of the program, which must end. */
  exitCode(): Promise<number>
  /** Ends the terminal and whatever runs in it. */
  close(): Promise<void>
}

/** How a terminal is started. */
export interface TerminalOptions {
  database: { uri: string }
  /** The home folder, where the history is. */
  home: string
  cwd?: string
  env?: Record<string, string>
  /** Columns; without it 120. */
  width?: number
}

/**
 * Starts a line of sh in a terminal, in which `vdc-manage` is the program; what
 * it exits with is shown behind it.
 */
export async function startTerminal(line: string, options: TerminalOptions): Promise<Terminal> {
  const folder = mkdtempSync(join(inject('folder'), 'tmux-'))
  symlinkSync(PROGRAM, join(folder, 'vdc-manage'))
  const env = environment({ database: options.database, env: { HOME: options.home, ...options.env } })
  const tmux = (args: string[]) =>
    execa('tmux', ['-u', '-L', 'test', '-f', '/dev/null', ...args], {
      env: { ...env, PATH: `${folder}:${env.PATH}`, LC_ALL: 'C.UTF-8', TMUX_TMPDIR: folder, TERM: 'xterm' },
      extendEnv: false,
      cwd: options.cwd ?? folder,
    })
  // TERM is tmux's own in a terminal of it.
  const term = options.env?.TERM === undefined ? '' : `TERM=${options.env.TERM} `
  await tmux([
    'new-session',
    '-d',
    '-x',
    String(options.width ?? 120),
    '-y',
    '40',
    // Ctrl-C reaches this sh as well.
    `trap : INT; ${term}sh -c '${line}'; echo "exit code $?"; exec sleep 600`,
  ])

  const screen = async () => (await tmux(['capture-pane', '-p', '-J', '-S', '-'])).stdout.replace(/[ \n]+$/gm, '')
  const untilTrue = async (isThere: () => Promise<boolean>, what: string, patience = PATIENCE) => {
    const deadline = Date.now() + patience
    // Each look is a process of tmux: less often, the longer it takes.
    for (let pause = 20; !(await isThere()); pause = Math.min(1.5 * pause, 100)) {
      if (Date.now() > deadline) throw new Error(`The terminal does not show ${what}:\n${await screen()}`)
      await sleep(pause)
    }
  }
  const terminal: Terminal = {
    async type(text) {
      await tmux(['send-keys', '-l', '--', text])
    },
    async press(...keys) {
      for (const key of keys) await tmux(['send-keys', key])
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
          const { stdout } = await tmux(['display-message', '-p', '#{cursor_x} #{cursor_y}', ';', 'capture-pane', '-p'])
          const [cursor = '', ...lines] = stdout.split('\n')
          const [x, y] = cursor.split(' ').map(Number) as [number, number]
          return x === line.length && (lines[y] ?? '').trimEnd() === line.trimEnd()
        },
        `the line '${line}'`,
        patience,
      )
    },
    async resize(width) {
      await tmux(['resize-window', '-x', String(width)])
    },
    async clear() {
      await tmux(['send-keys', '-R', ';', 'clear-history'])
    },
    async pid() {
      const { stdout } = await tmux(['display-message', '-p', '#{pane_pid}'])
      // The pane's sh may have another with the line, and the program may have qemu-img.
      let pid = Number(stdout)
      while (basename(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0] as string) !== 'node')
        pid = Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'), 10)
      return pid
    },
    async exitCode() {
      const text = await terminal.until(/^exit code \d+$/m)
      return Number(/^exit code (\d+)$/m.exec(text)?.[1])
    },
    async close() {
      await tmux(['kill-server'])
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return terminal
}
