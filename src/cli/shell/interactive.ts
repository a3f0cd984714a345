import { clearLine, createInterface, cursorTo, type Interface } from 'node:readline'
import { isatty } from 'node:tty'
import { findDataFolder } from '../../core/data-folder.ts'
import { VdcError } from '../../core/errors.ts'
import type { SharedSession } from '../session/shared-session.ts'
import type { Program } from '../start/program.ts'
import { writeNote } from '../terminal/output.ts'
import { completeLine } from './completion.ts'
import { ShellHistory } from './history.ts'
import { LineJoiner } from './lines.ts'
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
  options: LineOptions & { signal?: AbortSignal; onFailure?: () => void | Promise<void> },
): Promise<number> {
  const history = new ShellHistory(historyFolder())
  const joiner = new LineJoiner()
  let running = false
  let interrupted = false
  let isContinued = false
  // Keep the prompt out of stdout if that is piped or redirected.
  const screen = process.stdout.isTTY ? process.stdout : process.stderr
  const keys = keysOf(process.stdin)
  const terminal = createInterface({
    input: keys,
    output: screen,
    prompt: PROMPT,
    terminal: process.env.TERM !== 'dumb',
    history: history.read(),
    historySize: history.size,
    removeHistoryDuplicates: true,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
      const completing = running
        ? Promise.resolve<[string[], string]>([[], line])
        : completeLine(program, shared, joiner.pending + line)
      void completing.then((result) => done(null, result))
    },
  })
  terminal.on('SIGINT', () => {
    if (!running) {
      isContinued = false
      return dropLine(terminal, joiner)
    }
    if (interrupted) process.exit(130)
    interrupted = true
    void writeNote('Interrupting. Press Ctrl-C again to end vdc-manage')
    shared.interruption.request()
  })
  // After Ctrl-Z, readline has paused its input and lost the terminal's mode.
  terminal.on('SIGCONT', () => {
    if (running) terminal.resume()
    else terminal.prompt(true)
  })
  // A command over several lines becomes one line of the history.
  terminal.on('history', (lines: string[]) => {
    const [line = '', before = ''] = lines
    if (isContinued) lines.splice(0, 2, before.slice(0, -1) + line)
    isContinued = splitLine(line).open === '\\'
  })
  await writeNote(`vdc-manage ${program.version}. Type help for a list of commands; leave with exit or Ctrl-D`)
  let exit = 0
  let isAtPrompt = true
  try {
    terminal.prompt()
    for await (const typed of terminal) {
      const line = joiner.add(typed)
      isContinued = joiner.isOpen
      if (line !== undefined) {
        isAtPrompt = false
        history.add(line.text)
        running = true
        // Clear an unfinished line, for example after a paste, so that output does not mix with it.
        if (terminal.line !== '') {
          cursorTo(screen, 0)
          clearLine(screen, 0)
        }
        const code = await runLine(program, line, options)
        running = false
        shared.interruption.reset()
        interrupted = false
        if (code === 'end') break
        if (code !== 0) exit = options.exitOnError ? code : PARTLY_DONE
        if (code !== 0 && options.exitOnError) break
        if (code !== 0) await options.onFailure?.()
      }
      terminal.setPrompt(joiner.isOpen ? CONTINUED : PROMPT)
      terminal.prompt(true)
      isAtPrompt = true
    }
    // The input ended because the terminal was closed, not with Ctrl-D, after which --tx bulk commits. SIGHUP may arrive later.
    if (!isatty(process.stdin.fd)) throw new VdcError('TERMINATED', 'Terminated')
    // Do not print the next text after the prompt.
    if (isAtPrompt) screen.write('\n')
  } finally {
    terminal.close()
    process.stdin.unpipe(keys)
    process.stdin.pause()
  }
  return exit
}

/** Returns the folder of the history; undefined if the settings name no usable data folder, which commands may not need. */
function historyFolder(): string | undefined {
  try {
    return findDataFolder(process.env).path
  } catch {
    return undefined
  }
}

function dropLine(terminal: Interface, joiner: LineJoiner): void {
  joiner.reset()
  terminal.write(null, { ctrl: true, name: 'e' })
  terminal.write(null, { ctrl: true, name: 'u' })
  terminal.setPrompt(PROMPT)
  terminal.prompt()
}
