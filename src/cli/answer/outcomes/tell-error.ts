import type { VdcError } from '../../../core/errors.ts'
import { errorText } from '../../errors/report-error.ts'
import { isHoldingAll, writeNote } from '../../terminal/output.ts'

/**
 * Reports an error to stderr in addition to the answer, and sets the exit code to the error's.
 *
 * @param isInAnswer the answer contains the error, so it is not repeated on stderr.
 */
export async function tellError(error: VdcError, isInAnswer: boolean): Promise<void> {
  process.exitCode = error.exit
  if (!isInAnswer || isHoldingAll()) await writeNote(errorText(error))
}
