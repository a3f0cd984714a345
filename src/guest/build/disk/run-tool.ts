import type { Cancellation } from '../../../disk/watcher.ts'
import { failed, type InsideEnded, runInside } from '../inside/run-inside.ts'

/** Seconds that a program which makes a part of a disk may take. */
const LIMIT = 900

/**
 * Runs a program that makes a part of a disk.
 *
 * @throws VdcError BUILD_FAILED if it fails; FILE_NOT_WRITTEN; the error of the cancellation.
 */
export type RunTool = (
  program: string,
  args: readonly string[],
  options?: { env?: Readonly<Record<string, string>>; descriptors?: readonly number[] },
) => Promise<InsideEnded>

/**
 * Returns a function that runs programs that make a part of a disk.
 *
 * @param folder a folder of this process, which is removed if this process is killed.
 */
export function toolRunner(folder: string, env: Readonly<Record<string, string>>, cancellation: Cancellation): RunTool {
  return async (program, args, { env: more = {}, descriptors = [] } = {}) => {
    const command = [program, ...args] as const
    const ended = await runInside(
      folder,
      { command, env: { ...env, ...more }, descriptors, work: program, timeout: LIMIT },
      cancellation,
    )
    if (ended.exitCode !== 0)
      throw failed(`${program} failed: ${ended.lastLines.at(-1) ?? `exit code ${ended.exitCode}`}`)
    return ended
  }
}
