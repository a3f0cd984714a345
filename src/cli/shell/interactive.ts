import { clearLine, clearScreenDown, createInterface, cursorTo, type Interface } from 'node:readline'
import { isatty } from 'node:tty'
import { findDataFolder } from '../../core/data-folder.ts'
import { VdcError } from '../../core/errors.ts'
import type { SharedSession } from '../session/shared-session.ts'
import type { Program } from '../start/program.ts'
import { writeNote } from '../terminal/output.ts'
import { completeLine } from './completion.ts'
import { ShellHistory } from './history.ts'
import { LineJoiner, type ScriptLine } from './lines.ts'
import { type LineOptions, runLine } from './run-line.ts'
import { PARTLY_DONE } from './script.ts'
import { keysOf } from './tab-splitter.ts'
import { splitLine } from './words.ts'

const PROMPT = 'vdc-manage>> '
const CONTINUED = '> '

/**
 * Runs the lines typed at a terminal, with a prompt, line editing, completion and a history. Ctrl-C
 * at the prompt discards the line. While a command runs, it interrupts the command; a second Ctrl-C
 * ends the shell.
 *
 * @param options.signal ends the shell as the end of input does.
 * @param options.onFailure called after each command that failed.
 * @returns the exit code: that of the first command that failed with `exitOnError`, else 9 if any failed.
 * @throws VdcError an error for which `isFinal` returns true; TERMINATED if the terminal is closed.
 */
export async function runInteractively(
  program: Program,
  shared: SharedSession,
  options: InteractiveOptions,
): Promise<number> {
  return new InteractiveShell(program, shared, options).run()
}

type InteractiveOptions = LineOptions & { signal?: AbortSignal; onFailure?: () => void | Promise<void> }

/** A shell at a terminal. It can run once. */
class InteractiveShell {
  readonly #program: Program
  readonly #shared: SharedSession
  readonly #options: InteractiveOptions
  readonly #history = new ShellHistory(historyFolder())
  readonly #joiner = new LineJoiner()
  /** Where the prompt is shown: kept out of stdout if that is piped or redirected. */
  readonly #screen = process.stdout.isTTY ? process.stdout : process.stderr
  readonly #keys = keysOf(process.stdin)
  readonly #terminal: Interface
  /** What the shell is doing: reading a line, or running a command, which may have been told to stop. */
  #state: 'reading' | 'running' | 'interrupted' = 'reading'
  /** True if the next line of the history continues the one before. */
  #isContinued = false

  constructor(program: Program, shared: SharedSession, options: InteractiveOptions) {
    this.#program = program
    this.#shared = shared
    this.#options = options
    this.#terminal = createInterface({
      input: this.#keys,
      output: this.#screen,
      prompt: PROMPT,
      terminal: process.env.TERM !== 'dumb',
      history: this.#history.read(),
      historySize: this.#history.size,
      removeHistoryDuplicates: true,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
        void this.#complete(line).then((result) => done(null, result))
      },
    })
    this.#terminal.on('SIGINT', () => this.#interrupt())
    this.#terminal.on('SIGCONT', () => this.#continue())
    this.#terminal.on('history', (lines: string[]) => this.#joinHistory(lines))
  }

  /** Runs all lines (`runInteractively`). */
  async run(): Promise<number> {
    await writeNote(`vdc-manage ${this.#program.version}. Type help for a list of commands; leave with exit or Ctrl-D`)
    try {
      const { exit, isAtPrompt } = await this.#runLines()
      // The input ended because the terminal was closed, not with Ctrl-D, after which --tx bulk commits. SIGHUP may arrive later.
      if (!isatty(process.stdin.fd)) throw new VdcError('TERMINATED', 'Terminated')
      // Do not print the next text after the prompt.
      if (isAtPrompt) this.#screen.write('\n')
      return exit
    } finally {
      this.#terminal.close()
      process.stdin.unpipe(this.#keys)
      process.stdin.pause()
    }
  }

  async #runLines(): Promise<{ exit: number; isAtPrompt: boolean }> {
    let exit = 0
    this.#terminal.prompt()
    for await (const typed of this.#terminal) {
      const line = this.#joiner.add(typed)
      this.#isContinued = this.#joiner.isOpen
      const code = line === undefined ? 0 : await this.#runLine(line)
      if (code === 'end') return { exit, isAtPrompt: false }
      if (code !== 0 && this.#options.exitOnError) return { exit: code, isAtPrompt: false }
      if (code !== 0) {
        exit = PARTLY_DONE
        await this.#options.onFailure?.()
      }
      this.#terminal.setPrompt(this.#joiner.isOpen ? CONTINUED : PROMPT)
      this.#terminal.prompt(true)
    }
    return { exit, isAtPrompt: true }
  }

  async #runLine(line: ScriptLine): Promise<number | 'end'> {
    this.#history.add(line.text)
    this.#state = 'running'
    // Clear an unfinished line, for example after a paste, so that output does not mix with it.
    if (this.#terminal.line !== '') {
      cursorTo(this.#screen, 0)
      clearLine(this.#screen, 0)
    }
    const code = await runLine(this.#program, line, { ...this.#options, clear: () => this.#clear() })
    this.#state = 'reading'
    this.#shared.interruption.reset()
    return code
  }

  /** Clears the screen, if the terminal can do that. */
  #clear(): void {
    if (process.env.TERM === 'dumb') return
    cursorTo(this.#screen, 0, 0)
    clearScreenDown(this.#screen)
  }

  /** Returns the completions of a line, for readline; none while a command runs. */
  async #complete(line: string): Promise<[string[], string]> {
    if (this.#state !== 'reading') return [[], line]
    return completeLine(this.#program, this.#shared, this.#joiner.pending + line)
  }

  /** Acts on Ctrl-C. */
  #interrupt(): void {
    if (this.#state === 'interrupted') process.exit(130)
    if (this.#state === 'reading') {
      this.#dropLine()
      return
    }
    this.#state = 'interrupted'
    void writeNote('Interrupting. Press Ctrl-C again to end vdc-manage')
    this.#shared.interruption.request()
  }

  /** Discards the line that is being typed, and the lines that it continues. */
  #dropLine(): void {
    this.#isContinued = false
    this.#joiner.reset()
    this.#terminal.write(null, { ctrl: true, name: 'e' })
    this.#terminal.write(null, { ctrl: true, name: 'u' })
    this.#terminal.setPrompt(PROMPT)
    this.#terminal.prompt()
  }

  /** Returns from Ctrl-Z, for which readline has paused its input and lost the terminal's mode. */
  #continue(): void {
    if (this.#state === 'reading') this.#terminal.prompt(true)
    else this.#terminal.resume()
  }

  /** Makes a command over several lines one line of the history. */
  #joinHistory(lines: string[]): void {
    const [line = '', before = ''] = lines
    if (this.#isContinued) lines.splice(0, 2, before.slice(0, -1) + line)
    this.#isContinued = splitLine(line).open === '\\'
  }
}

/** Returns the folder of the history; undefined if the settings name no usable data folder, which commands may not need. */
function historyFolder(): string | undefined {
  try {
    return findDataFolder(process.env).path
  } catch {
    return undefined
  }
}
