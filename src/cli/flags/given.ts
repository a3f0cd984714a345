import { VdcError } from '../../core/errors.ts'
import { STDIN } from '../session/stdin-ids.ts'
import { writeNote } from '../terminal/output.ts'

/**
 * Requires options that only some forms of a command need.
 *
 * @param given the values of options, by name with `_`.
 * @param names the required options, with `_`.
 * @returns `given`, with the type of the required options narrowed.
 * @throws VdcError USAGE, with the missing options, if any are missing.
 */
export function requireOptions<T extends object, K extends keyof T & string>(
  given: T,
  names: readonly K[],
  hint: string,
): T & { [P in K]: NonNullable<T[P]> } {
  const missing = names.filter((name) => given[name] === undefined).map((name) => `--${name.replaceAll('_', '-')}`)
  if (missing.length > 0)
    throw new VdcError('USAGE', `Missing option${missing.length > 1 ? 's' : ''} ${missing.join(', ')}`, { hint })
  return given as T & { [P in K]: NonNullable<T[P]> }
}

/**
 * Refuses options that belong to one file, and `--null` without a list on stdin, for a command that takes several.
 *
 * @param given the values of options, by name.
 * @param names the options that belong to one file.
 * @param isSeveral the words may stand for several files.
 * @throws VdcError USAGE.
 */
export function requireFitting(
  given: { null: boolean },
  names: readonly string[],
  words: readonly string[],
  isSeveral: boolean,
): void {
  const stray = names.find((name) => isSeveral && given[name as keyof typeof given] !== undefined)
  if (stray !== undefined) throw new VdcError('USAGE', `--${stray} can be used with only one file`)
  if (given.null && !words.includes(STDIN))
    throw new VdcError('USAGE', '--null requires -, which stands for the paths on stdin', {
      hint: 'For example: find . -name "*.qcow2" -print0 | vdc-manage image inspect -0 -',
    })
}

/**
 * Refuses the options of a list except `--quiet`, for a command that was given IDs.
 *
 * @param given the values of options, by name.
 * @param options the options of the list, by name.
 * @throws VdcError USAGE, with the first option of the list, if any was given.
 */
export function refuseListOptions(given: object, options: object): void {
  const isGiven = (option: string) => given[option as keyof typeof given] !== undefined
  const stray = Object.keys(options).find((option) => option !== 'quiet' && isGiven(option))
  if (stray === undefined) return
  throw new VdcError('USAGE', `--${stray} is for lists and cannot be used with IDs`, {
    hint: `Remove the IDs or --${stray}`,
  })
}

/** Returns the words of a command without `--verbose`, which lists do not have. */
export function withoutVerbose(argv: readonly string[]): string[] {
  return argv.filter((word) => !['-v', '--verbose'].includes(word))
}

/**
 * Prints a note if no new values are given. That is not an error, as in the original, but the
 * options may have been lost by mistake.
 *
 * @param given the values of options, by name.
 * @param options the options of the command, by name.
 */
export async function noteNoChange(given: object, options: object): Promise<void> {
  const own = Object.keys(options).filter((name) => name !== 'dry-run' && name !== 'quiet')
  if (Object.entries(given).some(([name, value]) => own.includes(name) && value !== undefined)) return
  await writeNote('Nothing to change: no new values were given')
}
