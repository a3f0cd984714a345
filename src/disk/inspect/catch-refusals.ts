import { VdcError } from '../../core/errors.ts'
import { systemError } from '../../core/system-error.ts'
import { FILE } from './inspection.ts'
import type { Refusal } from './refusal.ts'

/**
 * Converts an error thrown while a file is inspected to a refusal: VdcError
 * FILE_REFUSED, RangeError (a damaged file has numbers that are out of bounds), or a
 * failed read.
 *
 * @throws any other error, unchanged.
 */
export function refusalIn(error: unknown): Refusal {
  if (error instanceof VdcError && error.code === 'FILE_REFUSED') {
    return { why: error.message, ...(error.hint !== undefined && { hint: error.hint }) }
  }
  if (error instanceof RangeError) return { why: 'is damaged: its headers are invalid' }
  const { syscall, code } = error as NodeJS.ErrnoException
  if (syscall === 'read') return { why: `cannot be read: ${systemError(code)}` }
  throw error
}

/** Returns the refusals of a step, whether it returns them or throws them. */
export async function refusalsOf(step: () => Refusal[] | Promise<Refusal[]>): Promise<Refusal[]> {
  try {
    return await step()
  } catch (error) {
    return [refusalIn(error)]
  }
}

/**
 * Adapts a refusal of an unpacked image to its packed file. If the hint has a command
 * for the file, it now says to unpack the file first.
 */
export function unpackedFirst({ why, hint }: Refusal): Refusal {
  if (!hint?.includes(FILE)) return { why, ...(hint !== undefined && { hint }) }
  return { why, hint: `Unpack it to DISK first. ${hint.replaceAll(FILE, 'DISK')}` }
}
