import type { Dirent } from 'node:fs'
import { type FileHandle, lstat, open, opendir } from 'node:fs/promises'
import { FOLDER, heldPath } from '../remove/held.ts'
import { isWorkFolder } from './work-folder.ts'

/** A regular file that was found. */
export interface FoundFile {
  /** Bytes that are not UTF-8 are replaced with U+FFFD. */
  path: string
  /** False if the path is not UTF-8, so that no text can name the file. */
  isText: boolean
  /** The path as bytes. */
  bytes: Buffer
}

/**
 * Finds the regular files in a folder and below. Memory use does not depend on their
 * number. Doesn't follow links, and skips the work folders of this program.
 *
 * @param onUnreadable called with the path of a folder that cannot be read, and the error code.
 */
export async function* walkFiles(
  folder: string,
  onUnreadable: (path: string, why: string) => void,
): AsyncGenerator<FoundFile> {
  yield* walk({ at: Buffer.from(folder), path: Buffer.from(folder) }, onUnreadable)
}

/** A folder: `path` is for messages; `at` goes through the open parent folder, so that no link can lead elsewhere. */
interface Place {
  at: Buffer
  path: Buffer
}

async function* walk(folder: Place, onUnreadable: (path: string, why: string) => void): AsyncGenerator<FoundFile> {
  let held: FileHandle | undefined
  try {
    held = await open(folder.at, FOLDER)
    const directory = await opendir(heldPath(held), { encoding: 'buffer' as BufferEncoding })
    for await (const entry of directory as unknown as AsyncIterable<Dirent<Buffer>>) {
      const bytes = joined(folder.path, entry.name)
      if (entry.isDirectory()) {
        const next = { at: joined(Buffer.from(heldPath(held)), entry.name), path: bytes }
        if (!isWorkFolder(entry.name.toString())) yield* walk(next, onUnreadable)
      } else if (entry.isFile()) {
        const path = bytes.toString()
        yield { path, bytes, isText: Buffer.from(path).equals(bytes) }
      }
    }
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    if (syscall === undefined) throw error
    // It may have been removed or replaced since it was found.
    if (!['ENOENT', 'ENOTDIR', 'ELOOP'].includes(code ?? '')) onUnreadable(folder.path.toString(), String(code))
  } finally {
    await held?.close()
  }
}

function joined(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, Buffer.from('/'), name])
}

/** Returns the size of a file in bytes; null if it no longer exists. */
export async function sizeOfFile(file: FoundFile): Promise<number | null> {
  return lstat(file.bytes).then(
    (stats) => stats.size,
    () => null,
  )
}
