import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { holding } from '../remove/held.ts'
import { LARGEST_CHECKSUM_FILE } from './checksum-file.ts'

/** Errors of a file that does not exist. */
const MISSING = ['ENOENT', 'ENAMETOOLONG']
const HINT = 'Remove it, or give the checksum with --checksum'

/**
 * Reads a checksum file beside a disk image, which a stranger may have put there: only a small regular file, once.
 *
 * @returns undefined if there is none.
 * @throws VdcError FILE_REFUSED if it cannot be read.
 */
export async function readChecksumBeside(path: string): Promise<string | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  let file: FileHandle
  try {
    file = await open(path, flags)
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    if (MISSING.includes(code)) return undefined
    throw refused(path, code === 'ELOOP' ? 'is a symbolic link' : `cannot be read: ${message}`, error)
  }
  return holding(file, async () => {
    if (!(await file.stat()).isFile()) throw refused(path, 'is not a regular file')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LARGEST_CHECKSUM_FILE + 1), { position: 0 })
    if (bytesRead > LARGEST_CHECKSUM_FILE) throw refused(path, `has more than ${LARGEST_CHECKSUM_FILE} bytes`)
    return buffer.toString('utf8', 0, bytesRead)
  })
}

function refused(path: string, why: string, cause?: unknown): VdcError {
  return new VdcError('FILE_REFUSED', `The checksum file ${path} ${why}`, { hint: HINT, cause })
}
