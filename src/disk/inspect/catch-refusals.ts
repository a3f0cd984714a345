import { VdcError } from '../../core/errors.ts'
import { FILE } from './inspection.ts'
import type { Refusal } from './refusal.ts'

/**
 * Makes a refusal of what looking at a file threw: what says so itself, numbers
 * of a damaged file that lead out of every bound, and a disk that can't be read.
 *
 * @throws whatever is something else.
 */
export function refusalIn(error: unknown): Refusal {
  if (error instanceof VdcError && error.code === 'FILE_REFUSED') {
    return { why: error.message, ...(error.hint !== undefined && { hint: error.hint }) }
  }
  if (error instanceof RangeError) return { why: 'is damaged: its headers make no sense' }
  const { syscall, code } = error as NodeJS.ErrnoException
  if (syscall === 'read') return { why: `cannot be read: ${code}` }
  throw error
}

/** The refusals of a step, whether it returns or throws them. */
export async function refusalsOf(step: () => Refusal[] | Promise<Refusal[]>): Promise<Refusal[]> {
  try {
    return await step()
  } catch (error) {
    return [refusalIn(error)]
  }
}

/** A refusal whose hint is a command for the file itself, of a file that is packed. */
export function unpackedFirst({ why, hint }: Refusal): Refusal {
  if (!hint?.includes(FILE)) return { why, ...(hint !== undefined && { hint }) }
  return { why, hint: `Unpack it, as DISK here. ${hint.replaceAll(FILE, 'DISK')}` }
}
