import { createInterface } from 'node:readline'
import { VdcError } from '../../core/errors.ts'
import { printable } from './escape.ts'
import { writeErr } from './output.ts'

/**
 * Asks for confirmation before a removal that cannot be undone. Prompts only at a terminal, not in a
 * pipe or in the shell.
 *
 * @param question without a question mark, such as `Remove 3 images for good`.
 * @param options.isShell in a shell, where nothing is asked.
 * @param options.yes do not ask.
 * @param options.about lines to print before the question.
 * @throws VdcError USAGE without a terminal or in the shell; INTERRUPTED after any answer other than yes.
 */
export async function confirmed(
  question: string,
  options: { isShell: boolean; yes: boolean; about: readonly string[] },
): Promise<void> {
  const { isShell } = options
  if (options.yes) return
  if (isShell || !process.stdin.isTTY || !process.stderr.isTTY) {
    const place = isShell ? 'in the shell' : 'without a terminal'
    throw new VdcError('USAGE', `Cannot ask for confirmation ${place}: ${question}?`, { hint: 'To confirm, add --yes' })
  }
  for (const line of options.about) await writeErr(printable(line))
  const answer = await ask(`${question}? [y/N] `)
  if (!/^y(es)?$/i.test(answer.trim())) throw new VdcError('INTERRUPTED', 'Not confirmed: nothing was removed')
}

/** Prints a question and reads the answer. Ctrl-C and the end of input give an empty answer. */
function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  return new Promise((resolve) => {
    const end = (answer: string) => {
      resolve(answer)
      terminal.close()
    }
    terminal.on('SIGINT', () => process.stderr.write('\n') && end(''))
    terminal.on('close', () => resolve(''))
    terminal.question(question, end)
  })
}
