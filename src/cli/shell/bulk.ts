import { type ErrorCode, endsTransaction, VdcError } from '../../core/errors.ts'
import type { Registry } from '../../registry/registry.ts'
import { rewindStdin } from '../command/stdin-ids.ts'
import { reportError } from '../errors/report-error.ts'
import { PATIENCE } from '../session/interruptible.ts'
import { debugging, type SharedRegistry } from '../session/open-registry.ts'
import { catchSignals } from '../session/signals.ts'
import type { Program } from '../start/program.ts'
import { printable } from '../terminal/escape.ts'
import { doubtOutput, dropOutput, giveUpOutput, holdOutput, releaseOutput, writeNote } from '../terminal/output.ts'
import { runInteractively } from './interactive.ts'
import type { ScriptLine } from './lines.ts'
import { madeFiles, rewindMadeFiles } from './made-files.ts'
import { failureNote, PARTLY_DONE, runScript } from './script.ts'
import type { Script } from './script-file.ts'

/** Signals, after which no other line may run. */
const SIGNALS: readonly ErrorCode[] = ['INTERRUPTED', 'TERMINATED']

const NOTHING_STORED = 'Nothing was stored'

/** Some line failed, which undoes all of them; the shell ends with its exit code. */
class Undone extends Error {
  readonly exit: number

  constructor(exit: number) {
    super('undone')
    this.exit = exit
  }
}

/**
 * Runs a script, or what is typed, in one transaction: after the last line all
 * is committed, after any error nothing; also when the process is interrupted
 * or the connection is lost. What tells that something is stored is printed
 * after the commit. Sets the process's exit code.
 *
 * A script is read whole before it begins, so that it can be run again from its
 * start when the database reports a deadlock; until the end it prints nothing.
 *
 * @param script undefined for a terminal.
 * @throws VdcError OUTPUT_FAILED when it is stored and can't be told.
 */
export async function runTogether(
  program: Program,
  shared: SharedRegistry,
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
      shared.show(together)
      if (script !== undefined) {
        rewindStdin()
        rewindMadeFiles()
      }
      holdOutput(script === undefined ? 'ids' : 'all')
      const exit = await (script === undefined
        ? runInteractively(program, shared, { ...lineOptions, onFailure: giveUp, signal: signals.signal })
        : runScript(program, { ...script, lines }, lineOptions).catch((error: VdcError) => {
            // It is lost anyway, so it needs no other try.
            throw hasFailed && error.code === 'DATABASE_BUSY' ? new Undone(PARTLY_DONE) : error
          }))
      if (exit !== 0) throw new Undone(exit)
    }
    // What somebody typed can't be run again behind their back.
    await withAllTogether(await shared.open(), run, { once: script === undefined })
  } catch (error) {
    const isUncertain = error instanceof VdcError && error.code === 'COMMIT_UNCERTAIN'
    // A signal may also have ended a process that the last line ran, which then failed by itself.
    if (signals.caught !== undefined && !isUncertain) process.exitCode = signals.caught
    else if (error instanceof Undone) process.exitCode = error.exit
    else {
      await reportError(error, { debug: debugging.on })
      if (script !== undefined && last !== undefined && !isUncertain) await writeNote(failureNote(script, last))
    }
    if (isUncertain) await doubtOutput()
    else await writeNote(NOTHING_STORED)
    for (const path of madeFiles()) await writeNote(printable(`The file ${path} was made, and is kept`))
    dropOutput()
    return
  } finally {
    shared.show(undefined)
    signals.release()
  }
  await releaseOutput()
}

/** Says at a terminal that what is typed from now on is in vain. */
async function giveUp(): Promise<void> {
  if (giveUpOutput()) await writeNote('After this error nothing of this session will be stored: exit, and begin again')
}
