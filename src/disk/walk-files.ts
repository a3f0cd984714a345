import type { Dir, Dirent } from 'node:fs'
import { lstat, opendir } from 'node:fs/promises'
import { isWorkFolder } from './work-folder.ts'

/** A regular file that was found. */
export interface FoundFile {
  /** With U+FFFD for what is no UTF-8. */
  path: string
  /** False where the path is no UTF-8, so that no text can name it. */
  isText: boolean
  /** Its path as the system has it. */
  bytes: Buffer
}

/**
 * Finds the regular files in a folder and below, as they come; memory does not
 * grow with their number. Links are not followed, and what this program works
 * in is left out.
 *
 * @param onUnreadable told of a folder that can't be read, and why.
 */
export async function* walkFiles(
  folder: string,
  onUnreadable: (path: string, why: string) => void,
): AsyncGenerator<FoundFile> {
  yield* walk(Buffer.from(folder), onUnreadable)
}

async function* walk(folder: Buffer, onUnreadable: (path: string, why: string) => void): AsyncGenerator<FoundFile> {
  let directory: Dir
  try {
    directory = await opendir(folder as never, { encoding: 'buffer' as BufferEncoding })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Somebody removed it since it was seen.
    if (code !== 'ENOENT') onUnreadable(folder.toString(), String(code))
    return
  }
  for await (const entry of directory as unknown as AsyncIterable<Dirent<Buffer>>) {
    const bytes = Buffer.concat([folder, Buffer.from('/'), entry.name])
    if (entry.isDirectory()) {
      if (!isWorkFolder(entry.name.toString())) yield* walk(bytes, onUnreadable)
    } else if (entry.isFile()) {
      const path = bytes.toString()
      yield { path, bytes, isText: Buffer.from(path).equals(bytes) }
    }
  }
}

/** The bytes that a file holds; null where it is gone. */
export async function sizeOfFile(file: FoundFile): Promise<number | null> {
  return lstat(file.bytes).then(
    (stats) => stats.size,
    () => null,
  )
}
