import { VdcError } from '../../core/errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'a part of its path is not a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the filesystem is read-only',
  ENAMETOOLONG: 'its name is too long',
  ENOSPC: 'no space is left',
  EDQUOT: 'the quota is used up',
  EFBIG: 'it would exceed the maximum file size',
}

/**
 * Returns the error FILE_NOT_WRITTEN for a file that cannot be written.
 *
 * @param error of Node, with the error code of the system.
 */
export function notWritten(path: string, error: unknown, hint?: string): VdcError {
  const { code = '', message } = error as NodeJS.ErrnoException
  return new VdcError('FILE_NOT_WRITTEN', `${path} cannot be written: ${REASONS[code] ?? message}`, {
    hint,
    cause: error,
  })
}
