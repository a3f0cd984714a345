import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { makeOwnFolder } from '../../core/data-folder.ts'

/** Lines that are kept. */
const SIZE = 1000
/** Bytes at the end of the file that are read; what comes before them is not kept. */
const LIMIT = 1024 ** 2

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants
const MODE = 0o600

/**
 * The lines typed at the prompt, across sessions: a file with one command per
 * line, for its owner alone. Each command is added as it is run, so that sessions
 * side by side keep each other's. Where the file cannot be read or written, or is
 * not a regular file of this user, there is no history, and nobody is bothered.
 */
export class ShellHistory {
  readonly size = SIZE
  readonly #folder: string | undefined
  #last: string | undefined

  /** @param folder where this program keeps its data; undefined where there is none. */
  constructor(folder: string | undefined) {
    this.#folder = folder
  }

  /** The lines, the newest first, as Node's readline wants them. */
  read(): string[] {
    let end = { text: '', isCut: false }
    this.#attempt((path) => {
      end = withOwnFile(path, O_RDONLY, readEnd)
    })
    const lines = end.text.split('\n').filter((line) => line !== '')
    if (end.isCut || lines.length > 2 * SIZE) this.#shorten(lines.slice(-SIZE))
    this.#last = lines.at(-1)
    return [...new Set(lines.slice(-SIZE).reverse())]
  }

  /** Adds a line; not one that begins with a space, and not the last one again. */
  add(line: string): void {
    const text = line.trimEnd()
    if (/^\s/.test(text) || text === this.#last) return
    this.#last = text
    this.#attempt((path, folder) => {
      makeOwnFolder(folder)
      withOwnFile(path, O_WRONLY | O_APPEND | O_CREAT, (descriptor) => writeFileSync(descriptor, `${text}\n`))
    })
  }

  /** By way of a file with a fixed name, so that the next run replaces what a killed one left. */
  #shorten(lines: readonly string[]): void {
    const text = lines.map((line) => `${line}\n`).join('')
    this.#attempt((path) => {
      rmSync(`${path}.new`, { force: true })
      withOwnFile(`${path}.new`, O_WRONLY | O_CREAT | O_EXCL, (descriptor) => writeFileSync(descriptor, text))
      renameSync(`${path}.new`, path)
    })
  }

  #attempt(work: (path: string, folder: string) => void): void {
    if (this.#folder === undefined) return
    try {
      work(join(this.#folder, 'shell_history'), this.#folder)
    } catch {
      // Then there is no history.
    }
  }
}

/**
 * Runs `work` on a file, opened as itself: links are not followed, and neither a
 * device, a pipe nor another name (hard link) of another file is accepted.
 *
 * @throws Error of the file system, or where the file is not ours.
 */
function withOwnFile<T>(path: string, flags: number, work: (descriptor: number) => T): T {
  // O_NONBLOCK: opening a pipe would wait for its other end.
  const descriptor = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK, MODE)
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile() || stats.uid !== process.geteuid?.() || stats.nlink !== 1)
      throw new Error(`${path} is not ours`)
    if ((stats.mode & 0o777) !== MODE) fchmodSync(descriptor, MODE)
    return work(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** The end of a file, from the start of a line. */
function readEnd(descriptor: number): { text: string; isCut: boolean } {
  const { size } = fstatSync(descriptor)
  const bytes = Buffer.alloc(Math.min(size, LIMIT))
  const length = readSync(descriptor, bytes, 0, bytes.length, size - bytes.length)
  const text = bytes.toString('utf8', 0, length)
  const isCut = size > LIMIT
  return { text: isCut ? text.slice(text.indexOf('\n') + 1) : text, isCut }
}
