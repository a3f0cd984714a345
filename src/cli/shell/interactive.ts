import { clearLine, createInterface, cursorTo, type Interface } from 'node:readline'
import { isatty } from 'node:tty'
import { findDataFolder } from '../../core/data-folder.ts'
import { VdcError } from '../../core/errors.ts'
import type { SharedRegistry } from '../session/open-registry.ts'
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
 * Runs what is typed at a terminal, with a prompt, line editing, completion and
 * a history. Ctrl-C at the prompt drops the line, and while a command runs ends
 * that; a second one ends the shell.
 *
 * @param options.signal ends it as the end of input does; `onFailure` is told of each command that failed.
 * @returns the exit code: that of the first command that failed with `exitOnError`, else 9 if any failed.
 * @throws VdcError what `isFinal` says that is final; TERMINATED where the terminal is closed.
 */
export async function runInteractively(
  program: Program,
  shared: SharedRegistry,
  options: LineOptions & { signal?: AbortSignal; onFailure?: () => void | Promise<void> },
): Promise<number> {
  const history = new ShellHistory(historyFolder())
  const joiner = new LineJoiner()
  let running = false
  let interrupted = false
  let goesOn = false
  // A reader of stdout wants the answers alone.
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
      goesOn = false
      return dropLine(terminal, joiner)
    }
    if (interrupted) process.exit(130)
    interrupted = true
    void writeNote('Interrupting; Ctrl-C again ends vdc-manage')
    shared.interruption.request()
  })
  // Readline stops listening when Ctrl-Z does, and forgets the terminal's mode.
  terminal.on('SIGCONT', () => {
    if (running) terminal.resume()
    else terminal.prompt(true)
  })
  // What went on over lines comes back as the one line that it means.
  terminal.on('history', (lines: string[]) => {
    const [line = '', before = ''] = lines
    if (goesOn) lines.splice(0, 2, before.slice(0, -1) + line)
    goesOn = splitLine(line).open === '\\'
  })
  await writeNote(`vdc-manage ${program.version}: help lists the commands, exit or Ctrl-D ends`)
  let exit = 0
  let isAtPrompt = true
  try {
    terminal.prompt()
    for await (const typed of terminal) {
      const line = joiner.add(typed)
      goesOn = joiner.isOpen
      if (line !== undefined) {
        isAtPrompt = false
        history.add(line.text)
        running = true
        // A line that is not finished yet, as after a paste, is not to be written over.
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
    // The end of the input is no Ctrl-D then, with which --tx bulk would commit; SIGHUP may come a moment later.
    if (!isatty(process.stdin.fd)) throw new VdcError('TERMINATED', 'Terminated')
    // What is shown next shall not stand behind the prompt.
    if (isAtPrompt) screen.write('\n')
  } finally {
    terminal.close()
    process.stdin.unpipe(keys)
    process.stdin.pause()
  }
  return exit
}

/** Where the history is; undefined where no setting names a folder that can be used: commands may do without one. */
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
