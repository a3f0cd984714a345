import { shellWord } from '../../../core/shell-word.ts'

/**
 * Says how to look at the screen of a virtual machine.
 *
 * @param address the argument of vncviewer(1).
 */
export function screenHint(address: string): string {
  return `Look at the screen with: vncviewer ${shellWord(address)}`
}
