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

/** The most lines that are kept. */
const SIZE = 1000
/** The most bytes that are read, from the end of the file. Earlier bytes are dropped. */
const LIMIT = 1024 ** 2

/** A URL with a password, or one for http with a token as its user or in its query. */
const PASSWORD = /:\/\/[^\s/@]*:[^\s/@]+@|https?:\/\/[^\s/]*(?:@|\S*\?)/i

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants
const MODE = 0o600

/**
 * The history of the shell: a file with one command per line that only its owner can read. Each
 * command is appended when it runs, so that concurrent sessions keep each other's. If the file
 * cannot be read or written, or is not a regular file of this user, there is no history, and no
 * error is reported.
 */
export class ShellHistory {
  readonly size = SIZE
  readonly #folder: string | undefined
  #last: string | undefined

  /** @param folder the program's data folder; undefined if there is none. */
  constructor(folder: string | undefined) {
    this.#folder = folder
  }

  /** Returns the lines, newest first, as Node's readline expects them. */
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

  /** Adds a line, unless it starts with a space, repeats the last one, or has a URL with a password or token. */
  add(line: string): void {
    const text = line.trimEnd()
    if (/^\s/.test(text) || text === this.#last || PASSWORD.test(text)) return
    this.#last = text
    this.#attempt((path, folder) => {
      makeOwnFolder(folder)
      withOwnFile(path, O_WRONLY | O_APPEND | O_CREAT, (descriptor) => writeFileSync(descriptor, `${text}\n`))
    })
  }

  /** Replaces the file by way of a draft with a fixed name, so that the next run removes the draft of a killed one. */
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
      // No history, then.
    }
  }
}

/**
 * Runs `work` on an open file. Symbolic links are not followed; devices, pipes and files with
 * several hard links are refused.
 *
 * @throws Error of the file system, or if the file is not ours.
 */
function withOwnFile<T>(path: string, flags: number, work: (descriptor: number) => T): T {
  // O_NONBLOCK, because opening a pipe would wait for its other end.
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

/** Reads the last LIMIT bytes of a file, from the start of a line. */
function readEnd(descriptor: number): { text: string; isCut: boolean } {
  const { size } = fstatSync(descriptor)
  const bytes = Buffer.alloc(Math.min(size, LIMIT))
  const length = readSync(descriptor, bytes, 0, bytes.length, size - bytes.length)
  const text = bytes.toString('utf8', 0, length)
  const isCut = size > LIMIT
  return { text: isCut ? text.slice(text.indexOf('\n') + 1) : text, isCut }
}
