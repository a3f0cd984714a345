import { VdcError } from '../../core/errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'a part of its path is no folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the filesystem is read-only',
  ENAMETOOLONG: 'its name is too long',
  ENOSPC: 'no space is left',
  EDQUOT: 'the quota is used up',
  EFBIG: 'it would be larger than a file may be here',
}

/**
 * The error for a file that can't be made.
 *
 * @param error of Node, with the system's code for why.
 */
export function notWritten(path: string, error: unknown): VdcError {
  const { code = '', message } = error as NodeJS.ErrnoException
  return new VdcError('FILE_NOT_WRITTEN', `${path} cannot be written: ${REASONS[code] ?? message}`, { cause: error })
}
