import type { Dirent } from 'node:fs'
import { type FileHandle, lstat, open, opendir } from 'node:fs/promises'
import { FOLDER, heldPath } from '../remove/held.ts'
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
  yield* walk({ at: Buffer.from(folder), path: Buffer.from(folder) }, onUnreadable)
}

/** A folder, by its path for people, and by where it is: below one that is held open, so that no link leads elsewhere. */
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
    // Somebody removed it since it was seen, or put something else there.
    if (!['ENOENT', 'ENOTDIR', 'ELOOP'].includes(code ?? '')) onUnreadable(folder.path.toString(), String(code))
  } finally {
    await held?.close()
  }
}

function joined(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, Buffer.from('/'), name])
}

/** The bytes that a file holds; null where it is gone. */
export async function sizeOfFile(file: FoundFile): Promise<number | null> {
  return lstat(file.bytes).then(
    (stats) => stats.size,
    () => null,
  )
}
