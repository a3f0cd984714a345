import { createInterface } from 'node:readline'
import { VdcError } from '../../core/errors.ts'
import { sharedRegistry } from '../session/open-registry.ts'
import { printable } from './escape.ts'
import { writeNote } from './output.ts'

/**
 * Asks a person whether something shall be removed that can't be brought back. Only at a
 * terminal: in a pipe or a shell's script nobody would see the question.
 *
 * @param question without its mark, such as `Remove 3 images for good`.
 * @param options.yes it is answered already.
 * @param options.about lines that are shown before the question, such as what would go.
 * @throws VdcError USAGE where nobody can be asked; INTERRUPTED after any answer but yes.
 */
export async function confirmed(question: string, options: { yes: boolean; about: readonly string[] }): Promise<void> {
  if (options.yes) return
  const isShell = sharedRegistry() !== undefined
  if (isShell || !process.stdin.isTTY || !process.stderr.isTTY) {
    throw new VdcError('USAGE', `'${question}?' needs --yes ${isShell ? 'in the shell' : 'where nobody can be asked'}`)
  }
  for (const line of options.about) await writeNote(printable(line))
  const answer = await ask(`${question}? [y/N] `)
  if (!/^y(es)?$/i.test(answer.trim())) throw new VdcError('INTERRUPTED', 'Not confirmed: nothing was removed')
}

/** Ctrl-C and the end of the input are an answer, too: none. */
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
