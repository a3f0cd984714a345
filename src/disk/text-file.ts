import { createReadStream, statSync } from 'node:fs'
import { VdcError } from '../errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: a part of its path is no directory',
  EISDIR: 'is a directory',
  EACCES: 'can not be read: permission denied',
}

/** Says whether there is a file at a path that can be read again and again, as a pipe can't. */
export function isRegularFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

/**
 * Reads a file, or whatever gives bytes at a path, as they come.
 *
 * @throws VdcError FILE_REFUSED.
 */
export async function* readText(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path)
  } catch (error) {
    const { code = '', message, syscall } = error as NodeJS.ErrnoException
    // What the reader throws comes through here as well.
    if (syscall === undefined) throw error
    throw new VdcError('FILE_REFUSED', `The file ${path} ${REASONS[code] ?? `can not be read: ${message}`}`, {
      cause: error,
    })
  }
}
