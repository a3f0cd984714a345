import { setImmediate as nextTurn } from 'node:timers/promises'
import { VdcError } from '../../core/errors.ts'
import type { Interruption } from '../../core/interruption.ts'
import { jsonAskedFor } from '../answer/format.ts'
import { interceptErrors, reportError } from '../errors/report-error.ts'
import { PATIENCE } from '../session/interruptible.ts'
import { catchSignals } from '../session/signals.ts'
import { isDebugging } from '../start/argv.ts'
import { CLEAR, dispatch, ENDS } from '../start/dispatch.ts'
import type { Program } from '../start/program.ts'
import type { ScriptLine } from './lines.ts'

/** How to run lines. */
export interface LineOptions {
  exitOnError: boolean
  /** Returns true for errors after which no other line may run. They are thrown, not reported. */
  isFinal?: (error: VdcError) => boolean
  /** The interruption that signals request while a line runs; undefined if signals are caught for all lines together. */
  interruption?: Interruption
  /** Clears the screen; undefined in a script, where `clear` does nothing. */
  clear?: () => void
}

/** The word that shows help, alone or with a command. */
const HELP_SIGN = '?'

/**
 * Runs one line of a shell, and reports its errors.
 *
 * @returns the line's exit code, or `end` if it leaves the shell.
 * @throws VdcError an error for which `isFinal` returns true; INTERRUPTED or TERMINATED after a
 *   signal, even if the line succeeded.
 */
export async function runLine(program: Program, line: ScriptLine, options: LineOptions): Promise<number | 'end'> {
  const { problem } = line
  const words = withHelp(withoutProgram(program, line.words))
  const isAlone = problem === undefined && words.length === 1
  if (isAlone && ENDS.includes(words[0] as string)) return 'end'
  if (isAlone && words[0] === CLEAR) {
    options.clear?.()
    return 0
  }
  const final: VdcError[] = []
  const signals = options.interruption && catchSignals(options.interruption, PATIENCE)
  const isFinal = (error: VdcError) => options.isFinal?.(error) === true || isOfSignal(error, signals?.caught)
  interceptErrors((error) => isFinal(error) && final.push(error) > 0)
  process.exitCode = 0
  // SQLite never yields to the event loop, and without that no signal would be noticed.
  await nextTurn()
  try {
    if (problem !== undefined) throw problem
    if ([...ENDS, CLEAR].includes(words[0] as string)) throw new VdcError('USAGE', `Unexpected argument: ${words[1]}`)
    await dispatch(words, program)
  } catch (error) {
    await reportError(error, { json: jsonAskedFor(words), debug: isDebugging(words) })
  } finally {
    interceptErrors(undefined)
    signals?.release()
  }
  if (final[0] !== undefined) throw final[0]
  // The signal may have arrived too late to stop this line, but must stop the next.
  if (signals?.caught !== undefined) options.interruption?.throwIfRequested()
  const code = Number(process.exitCode)
  process.exitCode = 0
  return code
}

/** Returns true if an error is due to a signal that was caught. */
function isOfSignal(error: VdcError, caught: number | undefined): boolean {
  return caught !== undefined && (error.code === 'INTERRUPTED' || error.code === 'TERMINATED')
}

/** Returns the words with `help` in front in place of a `?` at the start, or at the end if it cannot be the value of an option. */
function withHelp(words: readonly string[]): readonly string[] {
  if (words[0] === HELP_SIGN) return ['help', ...words.slice(1)]
  const isAtEnd = words.at(-1) === HELP_SIGN && !words.some((word) => word.startsWith('-'))
  return isAtEnd ? ['help', ...words.slice(0, -1)] : words
}

/** Returns the words of a line without the program's name, with which help and hints show commands. */
export function withoutProgram(program: Program, words: readonly string[]): string[] {
  return words.slice(words[0] === program.bin ? 1 : 0)
}
