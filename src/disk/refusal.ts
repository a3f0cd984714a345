import { VdcError } from '../errors.ts'
import type { Refusal } from './inspector.ts'

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
  if (syscall === 'read') return { why: `can not be read: ${code}` }
  throw error
}
