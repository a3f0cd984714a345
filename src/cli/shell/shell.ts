import { VdcError } from '../../core/errors.ts'
import { SharedSession } from '../session/shared-session.ts'
import type { Program } from '../start/program.ts'
import { runTogether } from './bulk.ts'
import { runInteractively } from './interactive.ts'
import { runScript } from './script.ts'
import { openScript } from './script-file.ts'

/** Options of a shell. */
export interface ShellOptions {
  /** Path of a script; `-` is stdin; undefined for the terminal, or stdin if that is not a terminal. */
  file: string | undefined
  exitOnError: boolean
  tx: 'each' | 'bulk' | 'none'
}

/**
 * Runs commands from a script or a terminal over one connection, and sets the process's exit code.
 *
 * @throws VdcError VALUE_REFUSED if the script cannot be read; USAGE in a shell.
 */
export async function runShell(program: Program, options: ShellOptions): Promise<void> {
  if (program.shared !== undefined) throw new VdcError('USAGE', 'The shell cannot be started in the shell')
  const isInteractive = options.file === undefined && process.stdin.isTTY === true
  const shared = new SharedSession({ isInteractive })
  if (isInteractive) shared.stdin.claim('the terminal where commands are typed')
  else if (options.file === undefined || options.file === '-') shared.stdin.claim('the script')
  const input = isInteractive ? undefined : await openScript(options.file)
  program.shared = shared
  const eachLine = { exitOnError: options.exitOnError, interruption: shared.interruption }
  try {
    if (options.tx === 'none') await shared.replaceWithoutTransactions()
    if (options.tx === 'bulk') await runTogether(program, shared, input, options)
    else if (input === undefined) {
      const exit = await runInteractively(program, shared, eachLine)
      // Errors were seen at the terminal; a later typo of a person is no failure of the session.
      process.exitCode = options.exitOnError ? exit : 0
    } else process.exitCode = await runScript(program, input, eachLine)
  } finally {
    await shared.close()
    program.shared = undefined
  }
}
