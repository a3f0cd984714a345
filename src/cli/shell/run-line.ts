import type { Config } from '@oclif/core'
import { VdcError } from '../../errors.ts'
import { isDebugging } from '../answering-command.ts'
import { jsonAskedFor } from '../answers/format.ts'
import { dispatch, ENDS } from '../dispatch.ts'
import { interceptErrors, reportError } from '../report-error.ts'
import type { ScriptLine } from './lines.ts'

/** How lines are run. */
export interface LineOptions {
  exitOnError: boolean
  /** Errors after which no other line may run: they are thrown, and not told. */
  isFinal?: (error: VdcError) => boolean
}

/**
 * Runs one line of a shell; what goes wrong is told as always.
 *
 * @returns its exit code, or `end` where it ends the shell.
 * @throws VdcError what `isFinal` says that is final.
 */
export async function runLine(config: Config, line: ScriptLine, options: LineOptions): Promise<number | 'end'> {
  const { problem } = line
  const words = withoutProgram(config, line.words)
  if (problem === undefined && words.length === 1 && ENDS.includes(words[0] as string)) return 'end'
  const final: VdcError[] = []
  interceptErrors((error) => options.isFinal?.(error) === true && final.push(error) > 0)
  process.exitCode = 0
  try {
    if (problem !== undefined) throw problem
    if (ENDS.includes(words[0] as string)) throw new VdcError('USAGE', `Unexpected argument: ${words[1]}`)
    await dispatch(words, config)
  } catch (error) {
    await reportError(error, { json: jsonAskedFor(words), debug: isDebugging(words) })
  } finally {
    interceptErrors(undefined)
  }
  if (final[0] !== undefined) throw final[0]
  const code = Number(process.exitCode)
  process.exitCode = 0
  return code
}

/** The words of a line without the program's name before them, with which help and hints show commands. */
export function withoutProgram(config: Config, words: readonly string[]): string[] {
  return words.slice(words[0] === config.bin ? 1 : 0)
}
