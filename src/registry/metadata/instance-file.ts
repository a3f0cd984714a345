import { VdcError } from '../../core/errors.ts'
import { excessIn } from '../../core/yaml-limits.ts'
import { readSmallFile } from '../../disk/file/text-file.ts'
import type { Cancellation } from '../../disk/watcher.ts'

/** Bytes of a file. Wakame-vdc's column of user-data holds as many. */
const LONGEST = 65_535

/**
 * Reads the description of an instance, within limits. Does not check its fields.
 *
 * @throws VdcError FILE_REFUSED if it cannot be read or is not YAML; the error of the cancellation.
 */
export async function readInstanceFile(path: string, cancellation: Cancellation): Promise<unknown> {
  const text = (await readSmallFile(path, LONGEST, cancellation)).toString()
  const excess = excessIn(text)
  if (excess !== undefined)
    throw new VdcError('FILE_REFUSED', `The file ${path} cannot be read: ${excess}`, {
      hint: 'Put large user-data into a file of its own, and name it with --user-data',
    })
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text, { logLevel: 'error' })
  try {
    for (const error of document.errors) throw error
    return document.toJS() ?? {}
  } catch (error) {
    const [problem] = (error as Error).message.split('\n', 1)
    throw new VdcError('FILE_REFUSED', `The file ${path} is not valid YAML: ${problem}`, { cause: error })
  }
}

/**
 * Reads user-data, of any bytes.
 *
 * @throws VdcError FILE_REFUSED if it cannot be read or is too large; the error of the cancellation.
 */
export async function readUserData(path: string, cancellation: Cancellation): Promise<Buffer> {
  return readSmallFile(path, LONGEST, cancellation)
}
