import { VdcError } from '../../core/errors.ts'
import { writeNote } from '../terminal/output.ts'

/**
 * Makes sure that options are given which only some uses of a command need.
 *
 * @param names with `_`, as in `given`.
 * @throws VdcError USAGE that names those that are missing.
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
 * Refuses the options of a list beside IDs.
 *
 * @param options those of the list.
 * @throws VdcError USAGE.
 */
export function refuseListOptions(given: object, options: object): void {
  const isGiven = (option: string) => given[option as keyof typeof given] !== undefined
  const stray = Object.keys(options).find(isGiven)
  if (stray === undefined) return
  throw new VdcError('USAGE', `--${stray} is for lists and cannot be used with IDs`, {
    hint: `Remove the IDs or --${stray}`,
  })
}

/**
 * Says so where nothing is given that is to be changed: as in the original that
 * is no error, but options that got lost on the way should not go unnoticed.
 *
 * @param options those of the command.
 */
export async function noteNoChange(given: object, options: object): Promise<void> {
  const own = Object.keys(options).filter((name) => name !== 'dry-run')
  if (Object.entries(given).some(([name, value]) => own.includes(name) && value !== undefined)) return
  await writeNote('Nothing to change: no new values are given')
}
