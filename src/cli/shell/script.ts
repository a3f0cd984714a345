import { ERRORS } from '../../core/errors.ts'
import type { Program } from '../start/program.ts'
import { printable } from '../terminal/escape.ts'
import { writeNote } from '../terminal/output.ts'
import type { ScriptLine } from './lines.ts'
import { type LineOptions, runLine } from './run-line.ts'
import type { Script } from './script-file.ts'

/** Exit code if some lines failed. */
export const PARTLY_DONE = ERRORS.PARTLY_DONE.exit
/** The most characters of a line that a message shows. */
const SHOWN = 100

/**
 * Runs a script line by line, and prints to stderr which lines failed.
 *
 * @param options.onLine called before each line.
 * @param options.onFailure called after each line that failed.
 * @returns the exit code: that of the first line that failed with `exitOnError`, else 9 if any failed.
 */
export async function runScript(
  program: Program,
  script: Script,
  options: LineOptions & { onLine?: (line: ScriptLine) => void; onFailure?: () => void },
): Promise<number> {
  let exit = 0
  for await (const line of script.lines) {
    options.onLine?.(line)
    const code = await runLine(program, line, options)
    if (code === 'end') break
    if (code === 0) continue
    options.onFailure?.()
    await writeNote(failureNote(script, line))
    exit = options.exitOnError ? code : PARTLY_DONE
    if (options.exitOnError) break
  }
  return exit
}

/** Returns the note that names a line that failed. */
export function failureNote(script: Script, line: ScriptLine): string {
  const place = script.name === undefined ? 'Line' : `${printable(script.name)}, line`
  const text = line.text.length > SHOWN ? `${line.text.slice(0, SHOWN)}…` : line.text
  return `${place} ${line.number} failed: ${printable(text)}`
}
