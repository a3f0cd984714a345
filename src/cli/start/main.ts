import { jsonAskedFor } from '../answer/format.ts'
import { reportError } from '../errors/report-error.ts'
import { heedHangUp } from '../session/hang-up.ts'
import { heedProcessColorFlag } from '../terminal/color.ts'
import { isDebugging } from './argv.ts'
import { dispatch } from './dispatch.ts'
import { type CommandLoaders, Program } from './program.ts'

/**
 * Runs the program: finds the command that the words name, runs it, and ends
 * the process with its exit code.
 *
 * @param argv the words after the program's name.
 * @param root the folder of the package.
 * @param loaders what loads the commands.
 */
export async function main(argv: readonly string[], root: string, loaders: CommandLoaders): Promise<void> {
  const words = [...argv]
  heedProcessColorFlag(words)
  heedHangUp()
  const report = (error: unknown) => reportError(error, { json: jsonAskedFor(words), debug: isDebugging(words) })
  // Every write waits for its own outcome; without a listener a closed pipe would end the process in the middle.
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error').on('error', () => {})
  process.on('uncaughtException', (error) => void report(error).finally(() => process.exit()))
  try {
    await dispatch(words, new Program(root, loaders))
  } catch (error) {
    await report(error)
  }
  // All answers are written by now, and a server that hangs must not keep us.
  process.exit()
}
