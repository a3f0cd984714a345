import { type ErrorCode, endsTransaction, VdcError } from '../../core/errors.ts'
import type { Registry } from '../../registry/registry.ts'
import { reportError } from '../errors/report-error.ts'
import { PATIENCE } from '../session/interruptible.ts'
import type { SharedSession } from '../session/shared-session.ts'
import { catchSignals } from '../session/signals.ts'
import type { Program } from '../start/program.ts'
import { printable } from '../terminal/escape.ts'
import { doubtOutput, dropOutput, giveUpOutput, holdOutput, releaseOutput, writeNote } from '../terminal/output.ts'
import { runInteractively } from './interactive.ts'
import type { ScriptLine } from './lines.ts'
import { failureNote, PARTLY_DONE, runScript } from './script.ts'
import type { Script } from './script-file.ts'

/** Errors of signals, after which no other line may run. */
const SIGNALS: readonly ErrorCode[] = ['INTERRUPTED', 'TERMINATED']

const NOTHING_STORED = 'Nothing was stored'

/** Thrown to roll back all lines after one has failed; the shell ends with `exit`. */
class Undone extends Error {
  readonly exit: number

  constructor(exit: number) {
    super('undone')
    this.exit = exit
  }
}

/**
 * Runs a script, or the lines typed at a terminal, in one transaction. It is committed after the
 * last line. Any error, an interruption or a lost connection rolls it back. New IDs are printed
 * after the commit. Sets the process's exit code.
 *
 * A script is read as a whole before it starts, so that it can run again from its start after a
 * deadlock; it prints nothing until its end.
 *
 * @param script undefined for a terminal.
 * @throws VdcError OUTPUT_FAILED if the changes are stored, but the output cannot be printed.
 */
export async function runTogether(
  program: Program,
  shared: SharedSession,
  script: Script | undefined,
  options: { exitOnError: boolean },
): Promise<void> {
  const lines: ScriptLine[] = []
  if (script !== undefined) for await (const line of script.lines) lines.push(line)
  let last: ScriptLine | undefined
  let hasFailed = false
  const lineOptions = {
    ...options,
    isFinal: (error: VdcError) => endsTransaction(error.code) || SIGNALS.includes(error.code),
    onLine: (line: ScriptLine) => {
      last = line
    },
    onFailure: () => {
      hasFailed = true
    },
  }
  const signals = catchSignals(shared.interruption, PATIENCE, NOTHING_STORED)
  try {
    const { withAllTogether } = await import('../../registry/registry.ts')
    const run = async (together: Registry) => {
      shared.replace(together)
      if (script !== undefined) {
        shared.stdin.rewind()
        shared.madeFiles.rewind()
      }
      holdOutput(script === undefined ? 'ids' : 'all')
      const exit = await (script === undefined
        ? runInteractively(program, shared, { ...lineOptions, onFailure: giveUp, signal: signals.signal })
        : runScript(program, { ...script, lines }, lineOptions).catch((error: VdcError) => {
            // A line has failed before, so all lines are rolled back: do not try again.
            throw hasFailed && error.code === 'DATABASE_BUSY' ? new Undone(PARTLY_DONE) : error
          }))
      if (exit !== 0) throw new Undone(exit)
    }
    // Lines typed at a terminal must not run a second time.
    await withAllTogether(await shared.open(), run, { once: script === undefined })
  } catch (error) {
    if (error instanceof VdcError && error.code === 'COMMIT_UNCERTAIN') {
      await reportError(error, { debug: shared.isDebugging })
      await doubtOutput()
    } else {
      // The signal may also have ended a child process of the last line, which then failed.
      if (signals.caught !== undefined) process.exitCode = signals.caught
      else await reportRollback(error, shared, script && last && failureNote(script, last))
      await writeNote(NOTHING_STORED)
    }
    for (const path of shared.madeFiles.paths) await writeNote(printable(`The new file ${path} is kept`))
    dropOutput()
    return
  } finally {
    shared.replace(undefined)
    signals.release()
  }
  await releaseOutput()
}

/**
 * Sets the exit code for an error that rolled all lines back, and reports it. A line that fails has reported its own error.
 *
 * @param lineNote names the last line of a script.
 */
async function reportRollback(error: unknown, shared: SharedSession, lineNote: string | undefined): Promise<void> {
  if (error instanceof Undone) {
    process.exitCode = error.exit
    return
  }
  await reportError(error, { debug: shared.isDebugging })
  if (lineNote !== undefined) await writeNote(lineNote)
}

/** Prints a note, once, that nothing of the session will be stored. */
async function giveUp(): Promise<void> {
  if (giveUpOutput())
    await writeNote('Because of this error, nothing of this session will be stored. Leave with exit and start again')
}
