import { jsonAskedFor } from '../answer/format.ts'
import { reportError } from '../errors/report-error.ts'
import { heedHangUp } from '../session/hang-up.ts'
import { heedProcessColorFlag } from '../terminal/color.ts'
import { isDebugging } from './argv.ts'
import { dispatch } from './dispatch.ts'
import { type CommandLoaders, Program } from './program.ts'

/**
 * Runs the command that the words name, and ends the process with its exit code.
 *
 * @param argv the words after the program's name.
 * @param root folder of the package.
 * @param loaders functions that load the commands.
 */
export async function main(argv: readonly string[], root: string, loaders: CommandLoaders): Promise<void> {
  const words = [...argv]
  heedProcessColorFlag(words)
  heedHangUp()
  const report = (error: unknown) => reportError(error, { json: jsonAskedFor(words), debug: isDebugging(words) })
  // Every write handles its own errors. Without a listener, a closed pipe would end the process half done.
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error').on('error', () => {})
  process.on('uncaughtException', (error) => void report(error).finally(() => process.exit()))
  try {
    await dispatch(words, new Program(root, loaders))
  } catch (error) {
    await report(error)
  }
  // All output is written by now. Do not wait for a server that hangs.
  process.exit()
}
