import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

const MISSING = new Set(['ENOENT', 'ENOTDIR'])

/**
 * The real path of what lies at a path, or would: the links of as much of it as exists are resolved.
 *
 * @param path absolute, without `..`.
 * @throws Error of the system if it cannot be told, such as EACCES or ELOOP.
 */
export async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (path === '/' || !MISSING.has((error as NodeJS.ErrnoException).code ?? '')) throw error
    return join(await realPathOf(dirname(path)), basename(path))
  }
}
