import { Config } from '@oclif/core'
import { isDebugging } from './answering-command.ts'
import { jsonAskedFor } from './answers/format.ts'
import { heedProcessColorFlag } from './color.ts'
import { dispatch } from './dispatch.ts'
import { heedHangUp } from './hang-up.ts'
import { reportError } from './report-error.ts'

/**
 * Runs the program: finds the command that the words name, runs it, and ends
 * the process with its exit code.
 *
 * @param argv the words after the program's name.
 * @param root the folder of the package.
 */
export async function main(argv: readonly string[], root: string): Promise<void> {
  const words = [...argv]
  heedProcessColorFlag(words)
  heedHangUp()
  const report = (error: unknown) => reportError(error, { json: jsonAskedFor(words), debug: isDebugging(words) })
  // Every write waits for its own outcome; without a listener a closed pipe would end the process in the middle.
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error').on('error', () => {})
  process.on('uncaughtException', (error) => void report(error).finally(() => process.exit()))
  // oclif would load plugins and colours that it finds in HOME, which may be somebody else's.
  process.env.VDC_MANAGE_DISABLE_THEME = 'true'
  try {
    await dispatch(words, await Config.load({ root, userPlugins: false }))
  } catch (error) {
    await report(error)
  }
  // All answers are written by now, and a server that hangs must not keep us.
  process.exit()
}
