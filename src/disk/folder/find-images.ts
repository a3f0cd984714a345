import type { Dirent } from 'node:fs'
import { type FileHandle, open, readdir, realpath, statfs } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { KERNEL_FILESYSTEMS } from '../file/image-file.ts'
import { reasonOf } from '../file/local-file.ts'
import { FOLDER, heldPath } from '../remove/held.ts'
import type { Cancellation } from '../watcher.ts'
import { isCompanion } from './companions.ts'

/** The most folders inside each other. Each one that is being read takes a descriptor. */
const DEEPEST = 64
/** The most files of a folder and those below it. */
const MOST_FILES = 100_000

/** What is in a folder and below it. */
export interface FoundImages {
  /** Real paths of the files that may be disk images, sorted; with U+FFFD for bytes that are not UTF-8. */
  files: string[]
  /**
   * Paths below the folder of what was skipped: hidden files and folders, links, what is not a regular file, and
   * companions, except checksum files beside a file, which are read with it.
   */
  skipped: string[]
  /** Folders that cannot be read. */
  errors: VdcError[]
}

/**
 * Finds the files in a folder and below that may be disk images, judging by their names. Follows no links below the
 * folder, and enters other filesystems, except those of the kernel.
 *
 * @throws VdcError FILE_REFUSED if the folder cannot be read, is too deep or has too many files; the error of the
 *   cancellation.
 */
export async function findImages(folder: string, cancellation: Cancellation): Promise<FoundImages> {
  const real = await realpath(folder).catch((error) => {
    throw unreadable(folder, error)
  })
  const walk = new Walk(real, cancellation)
  await walk.enter({ at: Buffer.from(real), path: Buffer.from(real), depth: 1 })
  // The folder that was named must be readable; one below it stops no other.
  if (walk.found.errors[0] !== undefined && walk.entered === 0) throw walk.found.errors[0]
  return walk.found
}

/** A folder: `path` is for messages; `at` goes through the open parent folder, so that no link can lead elsewhere. */
interface Place {
  at: Buffer
  path: Buffer
  depth: number
}

class Walk {
  readonly found: FoundImages = { files: [], skipped: [], errors: [] }
  /** Folders that were read. */
  entered = 0
  readonly #root: string
  readonly #cancellation: Cancellation

  constructor(root: string, cancellation: Cancellation) {
    this.#root = root
    this.#cancellation = cancellation
  }

  async enter(place: Place): Promise<void> {
    this.#cancellation.throwIfRequested()
    if (place.depth > DEEPEST)
      throw refused(`The folder ${this.#root} has more than ${DEEPEST} folders inside each other`)
    let held: FileHandle | undefined
    try {
      held = await open(place.at, FOLDER)
      const at = Buffer.from(heldPath(held))
      if (((await statfs(at)).type ?? 0) in KERNEL_FILESYSTEMS) return this.#skip(place.path)
      const entries = await readdir(at, { withFileTypes: true, encoding: 'buffer' })
      this.entered++
      const names = new Set(entries.map(({ name }) => name.toString()))
      for (const entry of entries.toSorted((one, other) => Buffer.compare(one.name, other.name))) {
        const below = { at: joined(at, entry.name), path: joined(place.path, entry.name), depth: place.depth + 1 }
        if (!isChecksumBeside(entry, names)) await this.#take(entry, below)
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
      this.found.errors.push(unreadable(place.path.toString(), error))
    } finally {
      await held?.close()
    }
  }

  async #take(entry: Dirent<Buffer>, place: Place): Promise<void> {
    const name = entry.name.toString()
    if (name.startsWith('.')) return this.#skip(place.path)
    if (entry.isDirectory()) return this.enter(place)
    if (!entry.isFile() || isCompanion(name)) return this.#skip(place.path)
    this.found.files.push(place.path.toString())
    this.#limit()
  }

  #skip(path: Buffer): void {
    this.found.skipped.push(path.toString().slice(this.#root.length + 1))
    this.#limit()
  }

  #limit(): void {
    const { files, skipped } = this.found
    if (files.length + skipped.length > MOST_FILES)
      throw refused(`The folder ${this.#root} has more than ${MOST_FILES} files`)
  }
}

/** Returns true for `PATH.sha256` and `PATH.md5` if there is something called PATH. */
function isChecksumBeside(entry: Dirent<Buffer>, names: ReadonlySet<string>): boolean {
  const [, path] = /^(.+)\.(?:sha256|md5)$/s.exec(entry.name.toString()) ?? []
  return path !== undefined && entry.isFile() && names.has(path)
}

function joined(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, Buffer.from('/'), name])
}

function unreadable(path: string, cause: unknown): VdcError {
  return new VdcError(
    'FILE_REFUSED',
    `The folder ${path} ${reasonOf(cause).replace(/^(?!does|is|cannot)/, 'cannot be read: ')}`,
    { cause },
  )
}

function refused(message: string): VdcError {
  return new VdcError('FILE_REFUSED', message, { hint: 'Name the folders in it one by one' })
}
