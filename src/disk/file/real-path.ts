import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

const MISSING = new Set(['ENOENT', 'ENOTDIR'])

/**
 * Returns the real path of a file or folder, which need not exist: resolves the links in
 * the part of the path that exists.
 *
 * @param path absolute, without `..`.
 * @throws Error of the system if the path cannot be resolved, for example EACCES or ELOOP.
 */
export async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (path === '/' || !MISSING.has((error as NodeJS.ErrnoException).code ?? '')) throw error
    return join(await realPathOf(dirname(path)), basename(path))
  }
}
