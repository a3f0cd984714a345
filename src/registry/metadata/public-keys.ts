import { VdcError } from '../../core/errors.ts'
import { readSmallFile } from '../../disk/file/text-file.ts'
import type { Cancellation } from '../../disk/watcher.ts'

/** Bytes of a file. */
const MOST = 65_535

/**
 * Reads public keys, one per line. Skips empty lines and comments.
 *
 * @param key what a line must be.
 * @param encoding of the lines.
 * @returns the lines with the keys, without spaces around them.
 * @throws VdcError FILE_REFUSED if it cannot be read, is too large, or has anything but public keys; the error of the
 *   cancellation.
 */
export async function readPublicKeys(
  path: string,
  key: RegExp,
  encoding: 'utf8' | 'latin1',
  cancellation: Cancellation,
): Promise<string[]> {
  const text = (await readSmallFile(path, MOST, cancellation)).toString(encoding)
  const lines = text.split('\n').map((line, index) => ({ line: line.trim(), number: index + 1 }))
  const keys = lines.filter(({ line }) => /^[^#]/.test(line))
  const wrong = keys.find(({ line }) => !key.test(line))
  if (keys.length > 0 && wrong === undefined) return keys.map(({ line }) => line)
  const where = wrong === undefined ? '' : ` in line ${wrong.number}`
  throw new VdcError('FILE_REFUSED', `The file ${path} has no public key${where}`, {
    hint: 'Name a file with public keys, such as ~/.ssh/id_ed25519.pub',
  })
}
